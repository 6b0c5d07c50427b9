"""catsync: keep product catalogs ready on the devices of people who present them.

The public Python API. Names are imported when they are first used, so that a program which only asks for the version
starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catsync_core.client.agent import Agent
    from catsync_core.client.catalog import Catalog
    from catsync_core.client.changes import Changes
    from catsync_core.client.client import Client
    from catsync_core.client.labels import Label
    from catsync_core.client.open_file import OpenFile
    from catsync_core.client.open_version import OpenVersion
    from catsync_core.client.report import CatalogInfo, Checked, FileInfo, JobInfo, Summary
    from catsync_core.client.rows import JobKind, Mode
    from catsync_core.client.runner import JobRunner
    from catsync_core.errors import CatsyncError
    from catsync_core.events import (
        Event,
        JobEnded,
        JobWaits,
        ModeChanged,
        Phase,
        Progress,
        RepositoryChecked,
        UpdateFound,
        Warned,
    )
    from catsync_core.hookspecs import (
        BackendEntry,
        Decision,
        LastCheck,
        Notifier,
        NotifierEntry,
        Offer,
        PolicyEntry,
        Question,
        ScheduleEntry,
        Verdict,
        hookimpl,
    )
    from catsync_core.plan.model import Action, Plan, Via
    from catsync_core.publish.effort import Effort
    from catsync_core.publish.publisher import Publication, Publisher

__all__ = [
    "Action",
    "Agent",
    "BackendEntry",
    "Catalog",
    "CatalogInfo",
    "CatsyncError",
    "Changes",
    "Checked",
    "Client",
    "Decision",
    "Effort",
    "Event",
    "FileInfo",
    "JobEnded",
    "JobInfo",
    "JobKind",
    "JobRunner",
    "JobWaits",
    "Label",
    "LastCheck",
    "Mode",
    "ModeChanged",
    "Notifier",
    "NotifierEntry",
    "Offer",
    "OpenFile",
    "OpenVersion",
    "Phase",
    "Plan",
    "PolicyEntry",
    "Progress",
    "Publication",
    "Publisher",
    "Question",
    "RepositoryChecked",
    "ScheduleEntry",
    "Summary",
    "UpdateFound",
    "Verdict",
    "Via",
    "Warned",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"

_HOMES = {
    "Action": "plan.model",
    "Agent": "client.agent",
    "BackendEntry": "hookspecs",
    "Catalog": "client.catalog",
    "CatalogInfo": "client.report",
    "CatsyncError": "errors",
    "Changes": "client.changes",
    "Checked": "client.report",
    "Client": "client.client",
    "Decision": "hookspecs",
    "Effort": "publish.effort",
    "Event": "events",
    "FileInfo": "client.report",
    "JobEnded": "events",
    "JobInfo": "client.report",
    "JobKind": "client.rows",
    "JobRunner": "client.runner",
    "JobWaits": "events",
    "Label": "client.labels",
    "LastCheck": "hookspecs",
    "Mode": "client.rows",
    "ModeChanged": "events",
    "Notifier": "hookspecs",
    "NotifierEntry": "hookspecs",
    "Offer": "hookspecs",
    "OpenFile": "client.open_file",
    "OpenVersion": "client.open_version",
    "Phase": "events",
    "Plan": "plan.model",
    "PolicyEntry": "hookspecs",
    "Progress": "events",
    "Publication": "publish.publisher",
    "Publisher": "publish.publisher",
    "Question": "hookspecs",
    "RepositoryChecked": "events",
    "ScheduleEntry": "hookspecs",
    "Summary": "client.report",
    "UpdateFound": "events",
    "Verdict": "hookspecs",
    "Via": "plan.model",
    "Warned": "events",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
