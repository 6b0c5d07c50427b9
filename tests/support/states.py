"""Every state that a row can be in, and what the sync screen says of it in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catsync_plugins.web.rows import Row, RowJob, Size

__all__ = ["NOW", "STATES", "State", "every_row"]

NOW = 1_795_521_600  # 24 November 2026, 12:00 UTC
_MB = 1_000_000
_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True)
class State:
    """A row with what is expected of it; ``button`` and ``announced`` are what the design's table of states says.

    Attributes:
        row: The row.
        german: Status and detail.
        english: Status and detail.
        button: What the one button does; None for no button.
        bar: The share of the bar in percent; None for no bar.
        switch: Whether the offline switch is on.
        announced: ``urgent``, ``polite`` or nothing.
    """

    row: Row
    german: tuple[str, str]
    english: tuple[str, str]
    button: str | None = None
    bar: int | None = None
    switch: bool = True
    announced: str = ""


_OFFERED: dict[str, Any] = {"bytes": 480 * _MB, "files": 412, "head_version": 18, "checked_at": NOW - 2 * _HOUR}
_WISHED: dict[str, Any] = {**_OFFERED, "mode": "offline"}
_HERE: dict[str, Any] = {
    **_WISHED,
    "head_version": 17,
    "installed_version": 17,
    "installed_bytes": 480 * _MB,
    "installed_published": NOW - _DAY,
    "head_published": NOW - _DAY,
    "downloaded_at": NOW - 20 * _HOUR,
    "downloaded_bytes": 480 * _MB,
}
_NEWER: dict[str, Any] = {**_HERE, "head_version": 18, "update": Size(18, 12_400_000, 38, 4, 2)}


def _row(title: str, label: str, job: RowJob | None = None, **fields: Any) -> Row:  # noqa: ANN401 - any field of a row
    fields = {"mode": "online", **fields}
    identity = title.lower().replace(" ", "-").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    return Row(identity, title, label, job=job, **fields)


def _job(kind: str, phase: str, done: float = 0, total: float = 0, gate: str = "", **fields: Any) -> RowJob:  # noqa: ANN401 - likewise
    running = not gate
    return RowJob(kind, phase, gate, done=int(done * _MB), total=int(total * _MB), running=running, **fields)


_LOADED = ("212 von 480 MB geladen", "212 of 480 MB downloaded")

STATES = {
    "online": State(
        _row("Arbeitsschutz", "online", **_OFFERED),
        ("Online", "480 MB · wird bei Bedarf geladen"),
        ("Online", "480 MB · loaded when needed"),
        switch=False,
    ),
    "online-unreachable": State(
        _row("Bürostühle", "online_unreachable", **_OFFERED),
        ("Online – keine Verbindung", "Für Kundenbesuche offline verfügbar machen"),
        ("Online – no connection", "Make it available offline for visits"),
        switch=False,
    ),
    "queued": State(
        _row("Decken und Kissen", "waiting", _job("install", "queued", gate="queue", position=2), **_WISHED),
        ("Wartet: Platz 2", "480 MB zu laden"),
        ("Waiting: position 2", "480 MB to download"),
        bar=0,
        announced="polite",
    ),
    "waiting-network": State(
        _row("Elektrowerkzeuge", "waiting", _job("install", "fetch", 212, 480, "network"), **_WISHED),
        ("Wartet auf Verbindung", _LOADED[0]),
        ("Waiting for a connection", _LOADED[1]),
        button="retry",
        bar=39,
        announced="polite",
    ),
    "waiting-metered": State(
        _row("Fahrräder", "waiting", _job("install", "fetch", 212, 480, "metered"), **_WISHED),
        ("Wartet auf WLAN", _LOADED[0]),
        ("Waiting for Wi-Fi", _LOADED[1]),
        button="now",
        bar=39,
        announced="polite",
    ),
    "waiting-window": State(
        _row("Gartenmöbel", "waiting", _job("install", "", 0, 0, "window", until=NOW + 7 * _HOUR), **_WISHED),
        ("Wartet auf Zeitfenster 20:00", "480 MB zu laden"),
        ("Waiting for the time window 20:00", "480 MB to download"),
        button="now",
        bar=0,
        announced="polite",
    ),
    "waiting-space": State(
        _row("Herde", "waiting", _job("install", "fetch", 212, 480, "space", reason="20 GB must stay free"), **_WISHED),
        ("Wartet auf Speicherplatz", f"{_LOADED[0]} · 20 GB must stay free"),
        ("Waiting for storage space", f"{_LOADED[1]} · 20 GB must stay free"),
        button="now",
        bar=39,
        announced="polite",
    ),
    "waiting-retry": State(
        _row("Hüte", "waiting", _job("install", "fetch", 212, 480, "retry", until=NOW + 40), **_WISHED),
        ("Neuer Versuch in 40 Sek.", _LOADED[0]),
        ("Next attempt in 40 sec", _LOADED[1]),
        button="retry",
        bar=39,
        announced="polite",
    ),
    "downloading": State(
        _row("Kinderschuhe", "downloading", _job("install", "fetch", 212, 480), **_WISHED),
        ("Wird heruntergeladen – noch nicht offline verfügbar", "212 von 480 MB"),
        ("Downloading – not yet available offline", "212 of 480 MB"),
        button="pause",
        bar=39,
        announced="polite",
    ),
    "paused": State(
        _row("Küchen", "paused", _job("install", "fetch", 212, 480, "user_pause"), **_WISHED),
        ("Angehalten", _LOADED[0]),
        ("Paused", _LOADED[1]),
        button="resume",
        bar=39,
        announced="polite",
    ),
    "verifying": State(
        _row("Lampen", "downloading", _job("install", "verify", 240, 480), **_WISHED),
        ("Daten werden überprüft", "Schritt 2 von 3"),
        ("Verifying data", "Step 2 of 3"),
        button="pause",
        bar=97,
    ),
    "committing": State(
        _row("Leuchten", "committing", _job("install", "commit"), **_WISHED),
        ("Wird bereitgestellt", "Schritt 3 von 3"),
        ("Finishing", "Step 3 of 3"),
        bar=99,
    ),
    "incomplete": State(
        _row("Matratzen", "incomplete", kept_bytes=212 * _MB, **_WISHED),
        ("Download nicht abgeschlossen", _LOADED[0]),
        ("Download incomplete", _LOADED[1]),
        button="resume",
    ),
    "failed": State(
        _row("Möbelstoffe", "failed", problem="No space", problem_code="disk_full", kept_bytes=212 * _MB, **_WISHED),
        (
            "Download fehlgeschlagen",
            f"Nicht genug Speicherplatz. Platz schaffen und erneut versuchen · {_LOADED[0]}",
        ),
        ("Download failed", f"Not enough storage space. Free some and try again · {_LOADED[1]}"),
        button="retry",
        announced="urgent",
    ),
    "offline": State(
        _row("Naturholz", "offline", **_HERE),
        ("Offline verfügbar – aktuell", "Stand 23.11.2026 · geprüft vor 2 Std."),
        ("Available offline – up to date", "As of Nov 23, 2026 · checked 2 hr. ago"),
        announced="polite",
    ),
    "offline-unchecked": State(
        _row("Outdoor", "offline", **{**_HERE, "checked_at": 0}),
        ("Offline verfügbar", "Stand 23.11.2026 · noch nicht auf Updates geprüft"),
        ("Available offline", "As of Nov 23, 2026 · not checked for updates yet"),
    ),
    "offline-skipped": State(
        _row("Pflanzgefäße", "offline", **{**_HERE, "head_version": 18, "skipped_version": 18}),
        (
            "Offline verfügbar – aktuell",
            "Stand 23.11.2026 · geprüft vor 2 Std. · Version 18 übersprungen",
        ),
        ("Available offline – up to date", "As of Nov 23, 2026 · checked 2 hr. ago · version 18 skipped"),
    ),
    "update-available": State(
        _row("Polster", "update_available", **_NEWER),
        ("Update verfügbar", "Version 18 · 12,4 MB · 38 geändert, 4 neu, 2 entfernt"),
        ("Update available", "Version 18 · 12.4 MB · 38 changed, 4 new, 2 removed"),
        button="update",
        announced="polite",
    ),
    "updating": State(
        _row("Regale", "updating", _job("update", "fetch", 4, 12.4), **_NEWER),
        ("Wird aktualisiert – bisherige Version bleibt nutzbar", "4,0 von 12,4 MB"),
        ("Updating – current version stays usable", "4.0 of 12.4 MB"),
        button="pause",
        bar=29,
        announced="polite",
    ),
    "update-failed": State(
        _row("Sessel", "update_failed", problem="Cut off", problem_code="no_connection", **_NEWER),
        ("Update fehlgeschlagen – Version 17 weiter nutzbar", "Keine Verbindung zum Backend"),
        ("Update failed – version 17 still usable", "No connection to the backend"),
        button="retry",
        announced="urgent",
    ),
    "stale": State(
        _row("Sofas", "stale", **{**_HERE, "checked_at": NOW - 9 * _DAY}),
        ("Offline verfügbar – seit 9 Tagen nicht geprüft", "Bitte bei Gelegenheit verbinden"),
        ("Available offline – not checked for 9 days", "Please connect when you can"),
        button="check",
    ),
    "expired": State(
        _row("Spielwaren", "expired", expires=NOW - 4 * _DAY, **_HERE),
        ("Abgelaufen am 20.11.2026", "Inhalt kann veraltet sein"),
        ("Expired on Nov 20, 2026", "Content may be out of date"),
        button="check",
        announced="urgent",
    ),
    "damaged": State(
        _row("Tapeten", "damaged", problem_code="damaged", damaged=3, **_HERE),
        ("Daten beschädigt – 3 Dateien", "Andere Inhalte sind nutzbar"),
        ("Data damaged – 3 files", "Other content is usable"),
        button="repair",
        announced="urgent",
    ),
    "repairing": State(
        _row("Teppiche", "repairing", _job("repair", "fetch", 1, 4), **_HERE),
        ("Wird repariert", "1,0 von 4,0 MB"),
        ("Repairing", "1.0 of 4.0 MB"),
        button="pause",
        bar=22,
    ),
    "rolling-back": State(
        _row("Tische", "rolling_back", _job("rollback", "verify"), **{**_HERE, "previous_version": 16}),
        ("Vorherige Version wird wiederhergestellt", "Zurück zu Version 16"),
        ("Going back to the previous version", "Back to version 16"),
    ),
    "removing": State(
        _row("Türen", "removing", _job("remove", ""), **{**_HERE, "mode": "online"}),
        ("Wird vom Gerät entfernt", "Dauert nur einen Augenblick"),
        ("Removing from device", "Takes a moment only"),
        switch=False,
    ),
    "gone": State(
        _row("Vorhänge", "gone", **{**_HERE, "head_version": None, "offered": False}),
        ("Nicht mehr im Backend", "Lokale Kopie bleibt nutzbar"),
        ("No longer in the backend", "The local copy stays usable"),
        button="remove",
        announced="urgent",
    ),
    "untrusted": State(
        _row("Werkzeugwagen", "untrusted", problem_code="trust", problem="The serial went back", **_HERE),
        ("Update abgelehnt: Herkunft nicht bestätigt", "Die vorhandene Version bleibt unverändert"),
        ("Update rejected: cannot be trusted", "The version on this device is unchanged"),
        button="details",
        announced="urgent",
    ),
}
"""By the name of its picture."""


def every_row() -> list[Row]:
    """Return one row in each state."""
    return [state.row for state in STATES.values()]
