"""The daily job in a process of its own that may kill itself, hard, at a place nobody can hit from outside.

Processes are forked from a server that has imported everything, which saves ten seconds a run; each is killed
and waited for like any other. Loads are stamped by a clock that stands still, so that a disturbed home and an
undisturbed one give loads the same ids and their warehouses can be compared row for row.
"""

from __future__ import annotations

import datetime as dt
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

import common.lake
from activation import store
from common.lake import Lake
from common.settings import load_settings
from orchestration.headless import run_daily


def die(*_: Any, **__: Any) -> NoReturn:
    """End this process as `kill -9` does: no clean-up, no handler."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def after_first_admission() -> None:
    """The first load of the day is in the lake, what came together with it is not."""
    admit = Lake.admit

    def admit_and_die(self: Lake, *args: Any, **options: Any) -> Any:
        report = admit(self, *args, **options)
        return die() if report.load_id else report

    Lake.admit = admit_and_die  # type: ignore[method-assign]


def before_first_receipt() -> None:
    """A destination was called, and nobody wrote down what it answered."""
    store.write_receipts = die  # type: ignore[assignment]


def before_switch() -> None:
    """The new published copy is complete, readers still see the last one."""
    replace = os.replace

    def replace_or_die(source: Any, target: Any, **options: Any) -> None:
        if os.fspath(target).endswith("published/current"):
            die()
        replace(source, target, **options)

    os.replace = replace_or_die  # type: ignore[assignment]


POINTS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (after_first_admission, before_first_receipt, before_switch)
}


def run_day(day: dt.date, point: str | None, environment: dict[str, str], said: Path) -> None:
    """Be the daily job of one day, with nothing but this environment; what is printed goes to ``said``.

    Exits with 0 when the day ended well, with 1 when it failed.
    """
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(said.parent)
    with said.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    settings = load_settings()
    morning = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(2, 30), tzinfo=settings.zone)
    common.lake.utc_now = lambda: morning  # type: ignore[assignment]
    if point:
        POINTS[point]()
    sys.exit(0 if run_daily(settings, as_of=day, line=print).success else 1)


def start(*arguments: Any) -> ForkServerProcess:
    """Start ``run_day`` in a fresh process and return it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=run_day, args=arguments)
    process.start()
    return process


# What a run imports, so that the server has it before it forks.
for module in ("great_expectations", "dlt", "duckdb", "expectations.runner", "orchestration.definitions"):
    importlib.import_module(module)
