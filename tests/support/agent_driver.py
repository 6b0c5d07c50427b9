"""An agent whose clock is not the machine's, as a process: days pass in moments. Prints each event as a line of JSON.

    python agent_driver.py HOME LEAPS HOURS    lets that many hours pass
    python agent_driver.py HOME LEAPS once     does what `catsync agent --once` does

LEAPS is a JSON array of ``[hour, leap]``: at that hour of running, the clock on the wall leaps by so many hours while
the one that nobody can set does not. So it is after a sleep, and when somebody sets the clock.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from catsync_core.cli.progress import EVENT_NAMES
from catsync_core.cli.screen import json_line
from catsync_core.client.agent import Agent
from catsync_core.client.device import Device
from catsync_core.client.timetable import CheckPlan
from catsync_core.events import Event

HOUR = 3600.0
STEP = 900.0  # seconds that a wait takes, whatever it asked for: a busy machine wakes late


class Clock(threading.Event):
    """Tells the agent the time, lets it pass whenever the agent waits, and ends it when the hours are over."""

    def __init__(self, leaps: list[tuple[float, float]], hours: float) -> None:
        super().__init__()
        self._leaps = sorted(leaps)
        self._end = hours * HOUR
        self.ticks = 0.0
        self.now = time.time()
        self._leap()

    def wait(self, timeout: float | None = None) -> bool:
        self.ticks += STEP
        self.now += STEP
        self._leap()
        if self.ticks >= self._end:
            self.set()
        return self.is_set()

    def _leap(self) -> None:
        while self._leaps and self._leaps[0][0] * HOUR <= self.ticks:
            self.now += self._leaps.pop(0)[1] * HOUR


class StandingStillAgent(Agent):
    """An agent for which no time passes while a repository is asked."""

    def _begin_checks(
        self,
        device: Device,
        pool: ThreadPoolExecutor,
        previous: CheckPlan | None,
        under_way: dict[str, Future[None]],
        *,
        spread: bool = True,
    ) -> CheckPlan:
        plan = super()._begin_checks(device, pool, previous, under_way, spread=spread)
        wait(under_way.values())
        return plan


def main(home: str, leaps: str, hours: str) -> None:
    """Run the agent; see the module."""
    clock = Clock([(hour, leap) for hour, leap in json.loads(leaps)], 0 if hours == "once" else float(hours))

    def tell(event: Event) -> None:
        line = json.loads(json_line(EVENT_NAMES[type(event)], event))
        print(json.dumps({"at": clock.now, "after": clock.ticks / HOUR, **line}), flush=True)  # noqa: T201 - its output

    agent = StandingStillAgent(Path(home), listener=tell, now=lambda: clock.now, ticks=lambda: clock.ticks)
    if hours == "once":
        agent.run_once(threading.Event())
    else:
        agent.run(clock)


if __name__ == "__main__":
    main(*sys.argv[1:])
