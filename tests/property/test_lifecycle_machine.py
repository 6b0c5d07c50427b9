"""The real engine against a model: whatever users, agents, publishers, networks, clocks and kills do, ten rules hold.

The rules are numbered INV1 to INV10, as the design has them. Two are as the engine documents them: what a cancelled
download has fetched is kept for a day, so until then INV3 does not count frames that have arrived; and progress is
counted for each step, so INV6 holds within a step, and the last step is told only once the version is in use.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from catsync_core import Agent, Client, Publisher
from catsync_core.backends import retry
from catsync_core.backends.protocol import Backend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.client import watch
from catsync_core.client.catalog import Catalog
from catsync_core.client.housekeeping import GRACE, discard_leftovers
from catsync_core.client.labels import Label
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mode
from catsync_core.client.runner import JobRunner
from catsync_core.client.timetable import DAY
from catsync_core.errors import CatsyncError, LocalError, LockedError, NotFoundError
from catsync_core.events import Event, JobEnded, Phase, Progress, UpdateFound
from catsync_core.format.index import Index, write_index
from catsync_core.hookspecs import BackendEntry, Decision, PolicyEntry, Verdict, hookimpl
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import read_pointer
from catsync_core.store.records import Installed
from catsync_core.store.spool import last_arrival
from catsync_core.testing.faults import Fault, FaultyBackend, FlipBit, Reset, Status, Truncate
from catsync_core.testing.memory import MemoryBackend
from catsync_plugins import schedule_daily

CATALOG, OTHER = "shoes", "bags"
EPOCH = 1_790_000_000.0
CONTENT = ("packs/", "patches/")
PATIENCE = 30.0  # seconds, for a watch that does not notice
Tree = dict[str, bytes]


FILM = Random(1).randbytes(9000)
LIST = Random(2).randbytes(3000).hex().encode()
VERSIONS: tuple[Tree, ...] = (
    {"film.bin": FILM, "list.json": LIST, "item.json": b'{"price": 10}', "same.txt": b"the same " * 40},
    {"film.bin": FILM, "list.json": LIST[:900] + b"new " * 20 + LIST[900:], "item.json": b'{"price": 11}'},
    {"film.bin": FILM, "list.json": LIST, "item.json": b'{"price": 10}', "same.txt": b"the same " * 40},  # withdrawn
    {
        "film.bin": FILM[:4000] + Random(3).randbytes(700) + FILM[4000:],
        "list.json": LIST,
        "empty.txt": b"",
        "new.bin": FILM[:50],
    },
    {
        "film.bin": Random(4).randbytes(6000),
        "list.json": LIST[500:],
        "twice.json": LIST[500:],
        "item.json": b'{"price": 12}',
    },
)


class KilledError(BaseException):
    """The process ended here: nobody settles anything."""


@dataclass(frozen=True)
class Shelf:
    """What a publisher has made: all objects, and the index as it was after each version."""

    objects: dict[str, bytes]
    indexes: tuple[Index, ...]


@functools.cache
def make_shelf() -> Shelf:
    backend = MemoryBackend()
    publisher = Publisher(backend)
    publisher.init()
    indexes = []
    with tempfile.TemporaryDirectory() as place:
        for catalog, tree in [(OTHER, VERSIONS[0]), *((CATALOG, tree) for tree in VERSIONS)]:
            folder = Path(tempfile.mkdtemp(dir=place))
            for path, data in tree.items():
                (folder / path).write_bytes(data)
                os.utime(folder / path, (1_600_000_000, 1_600_000_000))
            publisher.publish(folder, catalog)
            indexes.append(msgspec.json.decode(backend.objects["index.json"], type=Index))
    return Shelf(dict(backend.objects), tuple(indexes[1:]))


class Wire(FaultyBackend):
    """Between device and repository: counts content, notices what nobody asked for, and lets something happen then."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.may_fetch = False
        self.content = 0
        self.strays: list[str] = []
        self.dead = False
        self._left = math.inf
        self._act: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def arm(self, after: int, act: Callable[[], None]) -> None:
        """Do something once so many pieces of content have arrived."""
        self._left, self._act = after, act

    def disarm(self) -> None:
        self._left = math.inf

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        for piece in super().read(key, offset, length):
            if key.startswith(CONTENT):
                self._count(key, piece)
            yield piece

    def _count(self, key: str, piece: bytes) -> None:
        with self._lock:
            if self.dead:
                raise KilledError
            self.content += len(piece)
            if not self.may_fetch:
                self.strays.append(key)
            self._left -= 1
            now = self._left <= 0
            if now:
                self._left = math.inf
        if now:
            self._act()


class Stay(BackendWrapper):
    """Stays open when a client closes it."""

    def close(self) -> None:
        """Leave it open."""


class GateSettings(msgspec.Struct, frozen=True):
    """None."""


@dataclass
class Progressing:
    """INV6: what was told of the step that is under way."""

    steps: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.steps[event.subject] = (event.name, 0, event.total)
        elif isinstance(event, Progress):
            name, done, total = self.steps[event.subject]
            assert event.total == total, event
            assert done <= event.done <= total, (event, name, done)
            self.steps[event.subject] = (name, event.done, total)


STRIKES = ("kill", "kill", "pause", "cancel", "online", "offline", "wait", "ask", "deny", "end", "cut")
WISHES: dict[str, Callable[[Catalog], object]] = {
    "pause": Catalog.pause,
    "cancel": Catalog.cancel,
    "online": lambda catalog: catalog.ask(JobKind.REMOVE),
    "offline": lambda catalog: catalog.ask(JobKind.INSTALL),
}
STEPS = ("plan", "fetch", "assemble", "verify", "commit", "commit", "done")
STRUCK = st.tuples(st.one_of(st.sampled_from(STEPS), st.integers(1, 25)), st.sampled_from(STRIKES))
MOMENTS = st.one_of(st.none(), STRUCK)
Moment = tuple[int | str, str] | None
"""After so many pieces of content, or when a step begins: what happens then."""
JUMPS = (-400 * DAY, -3 * DAY, -3600.0, -7.0, 3.0, 61.0, 1000.0, DAY, 2 * DAY, 8 * DAY, 900 * DAY)
FAULTS: tuple[Fault, ...] = (Reset(0), Reset(900), Status(503), Status(404), Truncate(300), FlipBit(40))
SPOILS = st.tuples(
    st.sampled_from(FAULTS), st.sampled_from(["", "packs/", "patches/", "manifests/"]), st.integers(1, 8)
)


def note(what: str) -> None:
    """Let hypothesis count it."""
    if currently_in_test_context():
        event(what)


def _has_job(machine: Lifecycle) -> bool:
    return machine.strays or machine.wanted


def _has_copy(machine: Lifecycle) -> bool:
    return machine.strays or machine.pointer is not None


class Lifecycle(RuleBasedStateMachine):
    """One device, one catalog of interest and one that nobody wants, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="catsync-"))
        self.home = self.place / "home"
        self.home.mkdir()
        canary = self.place / "canary" / "catalogs" / CATALOG / "1"
        canary.mkdir(parents=True)
        (canary / "film.bin").write_bytes(b"not catsync's")
        self.shelf = make_shelf()
        self.memory = MemoryBackend(self.shelf.objects, piece=600)
        self.wire = Wire(self.memory)
        self.now = EPOCH
        self.published = 1
        self.serial = 100
        self.verdict = Verdict(Decision.ALLOW)
        self.starts = False
        self.has_policy = False
        self.events: list[Event] = []
        self.told: set[int] = set()
        self.wanted = False  # whether there is a job that somebody asked for
        self.rotten: set[int] = set()  # stored files that were damaged, by their inodes: versions share files
        self.highest = 0
        self.store = CatalogStore(self.home, CATALOG)
        self.pointer: Installed | None = None
        self.moves = False  # whether the step may change what is installed
        self.client: Client | None = None
        self.stop = threading.Event()
        self.happened = self.phase = self.strike = ""
        self.strays = False  # whether commands are given that make no sense
        self.asks = False  # whether the step may ask for a job
        self.progressing = Progressing()
        self.serve(1)

    # --- the world -------------------------------------------------------------------------------------------------

    def serve(self, version: int | None, *, serial: int | None = None) -> None:
        """Let the repository have this index: with a version of the catalog, or without it."""
        self.serial += 1
        made = self.shelf.indexes[(version or 1) - 1]
        catalogs = dict(made.catalogs)
        if version is None:
            del catalogs[CATALOG]
        index = msgspec.structs.replace(made, serial=self.serial if serial is None else serial, catalogs=catalogs)
        self.memory.objects["index.json"] = write_index(index)

    @hookimpl
    def catsync_backends(self) -> Sequence[BackendEntry]:
        return [BackendEntry("memory", open=lambda _: Stay(self.wire), redact=lambda url: url)]

    @hookimpl
    def catsync_policies(self) -> Sequence[PolicyEntry]:
        return [
            PolicyEntry(
                "gate",
                GateSettings,
                decide=lambda _question, _: self.verdict,
                starts_offline=lambda offer, _: self.starts and offer.catalog == CATALOG,
                starts_update=lambda _question, _: self.starts,
            )
        ]

    def plugins(self) -> Plugins:
        plugins = Plugins()
        plugins.add(PluginRecord("machine", "tests", "1"), lambda: self)
        plugins.add(PluginRecord("daily", "tests", "1"), lambda: schedule_daily)
        return plugins

    def listen(self, event: Event) -> None:
        self.events.append(event)
        self.progressing(event)
        if isinstance(event, Phase) and event.job in {"install", "update"} and event.name == "done":
            assert read_pointer(self.store) is not None, "INV6: it is told to be done before it is in use"
        if isinstance(event, UpdateFound):
            assert event.version not in self.told, "an update is told of once"
            self.told.add(event.version)
        if isinstance(event, JobEnded) and event.outcome == "failed":
            assert event.message, "INV10: what fails says why"
            assert event.code, "INV10: what fails says why"
        if isinstance(event, Phase) and event.name == self.phase:
            self.phase = ""
            self.intervene(self.strike, stops=False)

    def open(self, stop: threading.Event | None = None) -> Client:
        return Client(self.home, listener=self.listen, plugins=self.plugins(), cancelled=stop, now=lambda: self.now)

    def catalog(self) -> Catalog:
        """Return the catalog, as the process that is running sees it."""
        if self.client is None:
            self.stop = threading.Event()
            self.client = self.open(self.stop)
        return self.client.catalog(CATALOG)

    def die(self) -> None:
        """Let the process be gone, without a word to anybody."""
        self.wire.dead = True
        for thread in threading.enumerate():
            if thread.name.startswith("catsync-fetch-"):
                thread.join(PATIENCE)
        self.wire.dead = False
        if self.client is not None:
            self.client.close()
            self.client = None

    def record(self) -> tuple[CatalogRow | None, Job | None]:
        with self.open() as client:
            return client._device.state.record(CATALOG)

    def perform(self, act: Callable[[Catalog], object], moment: Moment = None, *, fetches: bool = False) -> bool:
        """Do something with the catalog, with whatever happens meanwhile; return whether it went well, undisturbed."""
        return self.attempt(lambda: act(self.catalog()), moment, fetches=fetches)

    def attempt(self, act: Callable[[], object], moment: Moment = None, *, fetches: bool = False) -> bool:
        self.wire.may_fetch = fetches
        self.events.clear()
        self.progressing.steps.clear()
        failure: CatsyncError | None = None
        if moment is not None:
            self.strike = moment[1]
            if isinstance(moment[0], str):
                self.phase = moment[0]
            else:
                self.wire.arm(moment[0], lambda: self.intervene(self.strike))
        try:
            act()
        except KilledError:
            note("killed")
            self.die()
        except CatsyncError as error:
            note(f"failed: {error.code}")
            failure = error
        else:
            return not self.happened
        finally:
            note(f"meanwhile: {self.happened}")
            self.happened = self.phase = ""
            self.wire.disarm()
            self.wire.may_fetch = False
            self.stop.clear()
        assert failure is None or failure.message, "INV10: what fails says why"
        assert failure is None or failure.hint, "INV10: what fails says what to do"
        return False

    def intervene(self, what: str, *, stops: bool = True) -> None:
        """Let something happen in the midst of a job: in the thread that fetches, or when a step begins.

        Args:
            what: Happens.
            stops: Whether to wait until the job has noticed, where it has to.
        """
        self.happened = what
        if what == "kill":
            raise KilledError
        if what == "cut":
            self.wire.plan.add(Reset(0), times=math.inf)
            return
        if what == "end":
            self.stop.set()
            return
        _, job = self.record()
        if job is None:
            return  # a verification is none
        if what in {"wait", "ask", "deny"}:
            if not self.has_policy:
                return
            self.verdict = Verdict(Decision(what), "The gate is closed")
            asked = job.kind in {JobKind.INSTALL, JobKind.UPDATE} and (what == "deny" or not job.consented)
            stops = stops and asked
            self.now += watch.ASK_EVERY
        else:
            with self.open() as other, suppress(LockedError, NotFoundError):  # such as a removal, which cannot rest
                WISHES[what](other.catalog(CATALOG))
            stops = stops and what != "offline"
        if stops:
            assert self.stop.wait(PATIENCE), f"nobody noticed: {what}"

    # --- what happens to the device --------------------------------------------------------------------------------

    @initialize(has_policy=st.booleans(), is_offline=st.booleans(), strays=st.booleans())
    def begin(self, has_policy: bool, is_offline: bool, strays: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.has_policy, self.strays = has_policy, strays
        if has_policy:
            (self.home / "config.toml").write_text("[policies.gate]\n")
        with self.open() as client:
            client.add("memory://shop")
            if is_offline:
                self.wire.may_fetch = self.moves = True
                client.catalog(CATALOG).go_offline()
        self.canary = self.snapshot()

    @rule(moment=MOMENTS, consented=st.booleans())
    def go_offline(self, moment: Moment, consented: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.moves = self.asks = True
        if self.perform(lambda catalog: catalog.go_offline(consented=consented), moment, fetches=True):
            self.repeat(Catalog.go_offline)

    @rule(moment=STRUCK)
    def download_what_is_crossed(self, moment: Moment) -> None:
        """A download that really begins, with something happening in its midst."""
        self.moves = self.asks = True
        self.mend()
        if self.pointer is None:
            self.perform(lambda catalog: catalog.go_offline(consented=True), moment, fetches=True)
            return
        self.publish(1)
        self.perform(lambda catalog: catalog.update(consented=True), moment, fetches=True)

    @precondition(_has_copy)
    @rule(moment=MOMENTS, consented=st.booleans())
    def update(self, moment: Moment, consented: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.moves = self.asks = True
        self.perform(lambda catalog: catalog.update(consented=consented), moment, fetches=True)

    @precondition(_has_copy)
    @rule(moment=MOMENTS)
    def repair(self, moment: Moment) -> None:
        self.asks = True
        if self.perform(Catalog.repair, moment, fetches=True):
            report = self.catalog().verify()
            assert (report.damaged, report.missing) == ((), ()), "what was repaired is intact"

    @precondition(_has_copy)
    @rule()
    def roll_back(self) -> None:
        self.moves = self.asks = True
        self.perform(Catalog.roll_back)

    @rule(force=st.booleans())
    def go_online(self, force: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.moves = self.asks = True
        if self.perform(lambda catalog: catalog.go_online(force=force)):
            assert not self.store.root.exists(), "INV3: all is gone"
            self.repeat(Catalog.go_online)

    @rule(kind=st.sampled_from(JobKind), consented=st.booleans())
    def ask(self, kind: JobKind, consented: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.asks = True
        if self.perform(lambda catalog: catalog.ask(kind, consented=consented)):
            self.repeat(lambda catalog: catalog.ask(kind, consented=consented))

    @precondition(_has_job)
    @rule(moment=MOMENTS)
    def run_what_is_queued(self, moment: Moment) -> None:
        """What an agent or a sync screen does at each look."""
        self.moves = self.asks = True
        self.restart()
        runner = JobRunner(self.home, listener=self.listen, plugins=self.plugins(), now=lambda: self.now)

        def run() -> None:
            runner._places = 1
            for job in runner._ready():
                note(f"runs: {job.kind}")
                runner._do(job, self.stop)

        try:
            self.attempt(run, moment, fetches=self.wanted)
        finally:
            runner._device.close()

    @precondition(_has_job)
    @rule(moment=MOMENTS, consented=st.booleans())
    def run_job(self, moment: Moment, consented: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.moves = self.asks = True
        self.perform(lambda catalog: catalog.run_job(consented=consented), moment, fetches=self.wanted)

    @precondition(_has_job)
    @rule()
    def pause(self) -> None:
        if self.perform(Catalog.pause):
            self.repeat(Catalog.pause)

    @precondition(_has_job)
    @rule(consented=st.booleans())
    def resume(self, consented: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.asks = True
        if self.perform(lambda catalog: catalog.resume(consented=consented)):
            self.repeat(lambda catalog: catalog.resume(consented=consented))

    @precondition(_has_job)
    @rule()
    def cancel(self) -> None:
        if self.perform(Catalog.cancel):
            after = self.record()
            with pytest.raises(NotFoundError):
                self.catalog().cancel()
            assert self.record() == after

    @precondition(_has_copy)
    @rule()
    def skip(self) -> None:
        if self.perform(Catalog.skip):
            self.repeat(Catalog.skip)

    @rule(on=st.booleans())
    def set_auto_sync(self, on: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.perform(lambda catalog: catalog.set_auto_sync(on=on))

    @precondition(_has_copy)
    @rule()
    def verify(self) -> None:
        self.perform(Catalog.verify)

    @rule()
    def read(self) -> None:
        self.perform(lambda catalog: b"".join(catalog.read("list.json")), fetches=True)

    @rule()
    def check(self) -> None:
        _, before = self.record()
        with self.open() as client:
            self.attempt(client.check)
        self.look_at_initiative(before)

    @rule()
    def check_by_timer(self) -> None:
        """What an agent does at each look."""
        _, before = self.record()
        with self.open() as client:
            source = client.repositories()[0].row
            next_check = max((catalog.info().next_check or 0.0 for catalog in client.catalogs()), default=0.0)
        asked = len(self.wire.calls)
        agent = Agent(self.home, listener=self.listen, plugins=self.plugins(), now=lambda: self.now, ticks=lambda: 0.0)

        def look() -> None:
            with agent._open() as device, ThreadPoolExecutor(1) as pool:
                under_way: dict[str, Future[None]] = {}
                agent._begin_checks(device, pool, None, under_way, spread=False)
            for check in under_way.values():
                check.result()

        self.attempt(look)
        requests = len({key for _, key in self.wire.calls[asked:]})
        assert requests <= 1, "INV8: one request for a repository"
        if requests:
            assert next_check, "INV8: only what has auto-sync and is offline"
            assert not 0 <= self.now - source.checked_at < DAY, "INV8: once a day"
        elif next_check and self.verdict.decision is Decision.ALLOW:
            assert self.now < next_check or 0 <= self.now - source.attempted_at < 3600, "INV8: what is due is asked"
        self.look_at_initiative(before)

    def look_at_initiative(self, before: Job | None) -> None:
        """INV2: what a check begins is what an enabled policy says, and nothing else."""
        _, job = self.record()
        if before is None and job is not None:
            assert self.has_policy
            assert self.starts
            assert not job.by_user
            self.asks = True

    @rule()
    def tidy(self) -> None:
        """What an agent does now and then: INV3, what a cancelled download left goes after its grace."""
        self.attempt(self.discard_leftovers)

    def discard_leftovers(self) -> None:
        with self.open() as client:
            discard_leftovers(client._device)
            row, job = client._device.state.record(CATALOG)
        if row is not None and row.mode is Mode.ONLINE and job is None and self.store.exists():
            assert self.now - last_arrival(self.store) <= GRACE, "INV3: kept for too long"

    @rule()
    def restart(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    # --- what happens around it ------------------------------------------------------------------------------------

    @rule(versions=st.integers(1, 2))
    def publish(self, versions: int) -> None:
        self.published = min(self.published + versions, len(VERSIONS))
        self.serve(self.published)

    @rule(trouble=st.one_of(st.sampled_from(["set back", "withdrawn", "cut off"]), SPOILS))
    def have_trouble(self, trouble: str | tuple[Fault, str, int]) -> None:
        if trouble == "set back":
            self.serve(max(self.published - 1, 1), serial=self.serial - 50)
        elif trouble == "withdrawn":
            self.serve(None)
        elif trouble == "cut off":
            self.wire.plan.add(Reset(0), times=math.inf)
        elif not isinstance(trouble, str):
            fault, key, times = trouble
            self.wire.plan.add(fault, key=key, times=times)

    @rule()
    def mend(self) -> None:
        self.wire.plan.clear()
        self.serve(self.published)

    @precondition(lambda self: self.has_policy)
    @rule(decision=st.sampled_from(Decision), starts=st.booleans())
    def decide(self, decision: Decision, starts: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.verdict = Verdict(decision, "" if decision is Decision.ALLOW else "The gate is closed")
        self.starts = starts

    @rule(jump=st.sampled_from(JUMPS))
    def let_the_clock_jump(self, jump: float) -> None:
        self.now = max(self.now + jump, EPOCH - 1000 * DAY)

    @rule(number=st.integers(0, 3))
    def damage(self, number: int) -> None:
        """Let bytes rot, unnoticed: neither size nor time of change tells."""
        installed = read_pointer(self.store)
        if installed is None:
            return
        files = sorted(path for path in self.store.version_path(installed.version).iterdir() if path.stat().st_size)
        if not files:
            return
        file = files[number % len(files)]
        found = file.stat()
        self.rotten.add(found.st_ino)
        file.chmod(0o644)
        data = file.read_bytes()
        file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
        file.chmod(0o444)

    # --- what holds ------------------------------------------------------------------------------------------------

    def repeat(self, act: Callable[[Catalog], object]) -> None:
        """INV7: repeating a command changes nothing and fetches nothing more."""
        record, pointer, content = self.record(), read_pointer(self.store), self.wire.content
        try:
            act(self.catalog())
        except CatsyncError:
            return  # such as a repository that is cut off meanwhile
        after = self.record()
        assert after[1] == record[1]
        assert after[0] == record[0]
        assert read_pointer(self.store) == pointer
        assert self.wire.content == content

    @invariant()
    def everything_holds(self) -> None:
        row, job = self.record()
        pointer = read_pointer(self.store)
        assert not self.wire.strays, f"INV2: content that nobody asked for: {self.wire.strays}"
        if pointer != self.pointer:
            assert self.moves, "INV1: installed changes by commit, rollback and removal only"
        self.pointer, self.moves = pointer, False
        if job is not None and not self.wanted:
            assert self.asks, "INV2: a job that nobody asked for"
        self.wanted, self.asks = job is not None, False
        self.look_at_tree(pointer)
        if row is not None and row.mode is Mode.ONLINE and job is None:
            assert pointer is None, "INV3: online, and nothing removes the copy"
            left = [path.name for path in self.store.root.glob("*") if path.name != ".catsync"]
            assert not left, "INV3: online, and content is left"
        assert self.snapshot() == self.canary, "INV9: something outside the store was changed"
        assert not (self.home / "catalogs" / OTHER).exists(), "INV9: nobody wanted this catalog"

    def look_at_tree(self, installed: Installed | None) -> None:
        """INV1: what is read is one published version, all of it; what a test damaged may be damaged."""
        if installed is None:
            return
        known = {installed.version} | ({installed.previous.version} if installed.previous else set())
        for version in known:
            right = VERSIONS[version - 1]
            found = {path.name: path for path in self.store.version_path(version).iterdir()}
            assert found.keys() == right.keys(), "INV1"
            for name, path in found.items():
                whole = path.read_bytes() == right[name]
                assert whole or path.stat().st_ino in self.rotten, f"INV1: {path} is not as it was published"

    @invariant()
    def what_is_told_holds(self) -> None:
        calls = len(self.wire.calls)
        with self.open() as client:
            known = {catalog.id: catalog for catalog in client.catalogs()}
            if CATALOG not in known:
                assert self.record()[1] is None, "a job of a catalog that cannot be named any more"
                assert read_pointer(self.store) is None
                return
            info = known[CATALOG].info()
            assert info == known[CATALOG].info(), "INV4"
            jobs = client.jobs()
        assert len(self.wire.calls) == calls, "a state is told without asking anybody"
        assert info.label in Label, "INV4"
        job = info.job
        assert [found.catalog for found in jobs] == ([CATALOG] if job else [])
        note(f"label: {info.label}")
        if info.head_version is not None:
            assert info.head_version >= self.highest, "INV5"
            self.highest = info.head_version
        if info.label == Label.OFFLINE and info.skipped_version is None:
            assert info.installed_version is not None
            assert info.installed_version >= (info.head_version or 0), "INV5"
            assert self.now - info.checked_at <= 7 * DAY, "INV5"
        if info.label == Label.WAITING:
            assert job is not None, "INV10"
            assert job.reason or jobs[0].position, "INV10"
        if job is not None and job.gate:
            assert job.reason, "INV10"
            assert job.until or job.gate not in {Gate.RETRY, Gate.POLICY}, "INV10"
        if info.label in {Label.FAILED, Label.UPDATE_FAILED, Label.DAMAGED}:
            assert info.problem, "INV10"
            assert info.problem_code, "INV10"

    def snapshot(self) -> Tree:
        """Return everything that catsync has no business with."""
        mine = [*(self.place / "canary").rglob("*"), self.home / "config.toml"]
        return {str(path): path.read_bytes() for path in mine if path.is_file()}

    def teardown(self) -> None:
        """INV7: with a healthy repository a few commands lead to offline and current, and to online."""
        try:
            if hasattr(self, "canary"):
                self.restart()
                self.wire.plan.clear()
                self.serve(self.published)
                self.verdict, self.starts = Verdict(Decision.ALLOW), False
                self.now += 60
                self.wire.may_fetch = True
                for lead in (self.lead_offline, self.lead_online, self.lead_offline):
                    with self.open() as client:
                        client.check()
                        lead(client)
                    self.moves = self.asks = True
                    self.everything_holds()
        finally:
            self.restart()
            for path in self.place.rglob("*"):
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o755)
            shutil.rmtree(self.place)

    def lead_offline(self, client: Client) -> None:
        for _ in range(6):
            catalog = client.catalog(CATALOG)
            info = catalog.info()
            if info.job is not None:
                with suppress(LocalError):  # such as a way back where there is none: that job ends
                    catalog.run_job(consented=True)
            elif info.installed_version is None:
                catalog.go_offline()
            elif info.label == Label.DAMAGED:
                catalog.repair()
            elif info.label == Label.OFFLINE and info.installed_version == info.head_version:
                break
            else:
                catalog.update()
        info = client.catalog(CATALOG).info()
        assert (info.label, info.installed_version) == (Label.OFFLINE, self.published), "INV7: no way leads to offline"

    def lead_online(self, client: Client) -> None:
        catalog = client.catalog(CATALOG)
        catalog.go_online()
        assert catalog.info().label == Label.ONLINE, "INV7: no way leads to online"
        assert not self.store.root.exists(), "INV3"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: for another attempt, or for somebody to look."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.002)
    monkeypatch.setattr("catsync_core.client.catalog._GIVES_UP", 0.0)


@pytest.mark.parametrize("is_offline", [False, True], ids=["install", "update"])
@pytest.mark.parametrize("what", sorted(set(STRIKES)))
@pytest.mark.parametrize("when", [*sorted(set(STEPS)), 1, 20])
def test_whatever_happens_at_whichever_step(when: int | str, what: str, *, is_offline: bool) -> None:
    """What chance would seldom draw: each strike at each step, and then the ways out."""
    machine = Lifecycle()
    try:
        machine.begin(has_policy=True, is_offline=is_offline, strays=False)
        machine.everything_holds()
        machine.download_what_is_crossed(moment=(when, what))
        machine.everything_holds()
        machine.what_is_told_holds()
    finally:
        machine.teardown()


class LongLifecycle(Lifecycle):
    """The same, for longer."""


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))
TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(_SETTINGS, max_examples=40, stateful_step_count=30)
TestLongLifecycle = pytest.mark.timeout(3600)(pytest.mark.long(LongLifecycle.TestCase))
TestLongLifecycle.settings = settings(_SETTINGS, max_examples=1000, stateful_step_count=50)
