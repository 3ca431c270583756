"""One line per thing that happened, for a person who waits; Dagster's own log is for those who search.

The lines come from Dagster's events, so the command line shows the same run that the UI shows.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType
from rich.markup import escape

Line = Callable[[str], None]

LOGGER_NAME = "siyu.progress"
# A long step is seen to move: the warehouse makes some 60 assets.
EVERY_SO_MANY = 20
_EVENT_ATTRIBUTE = "dagster_event"


class ProgressHandler(logging.Handler):
    """Turns log records of a run into lines. One run at a time."""

    def __init__(self, line: Line) -> None:
        super().__init__(logging.DEBUG)
        self._line = line
        self._started: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, if it is one a person waits for."""
        event = getattr(record, _EVENT_ATTRIBUTE, None)
        with contextlib.suppress(OSError):  # nobody reads any more; the run goes on
            if event is not None:
                self._show(event)
            elif record.levelno >= logging.WARNING:
                self._line(f"  [yellow]![/] {escape(_plain(record))}")

    def _show(self, event: DagsterEvent) -> None:
        step = event.step_key or ""
        kind = event.event_type
        if kind == DagsterEventType.STEP_START:
            self._started[step] = time.monotonic()
            self._counts[step] = 0
            self._line(f"[dim]…[/] {_title(step)}")
        elif kind == DagsterEventType.STEP_SUCCESS:
            self._line(f"[green]✓[/] {_title(step)} [dim]{self._about(step)}[/]")
        elif kind == DagsterEventType.STEP_FAILURE:
            self._line(f"[red]✗[/] {_title(step)} [dim]{self._about(step)}[/] {escape(_first_line(event))}")
        elif kind == DagsterEventType.ASSET_MATERIALIZATION:
            self._counts[step] = count = self._counts.get(step, 0) + 1
            if count % EVERY_SO_MANY == 0:
                self._line(f"[dim]    {_title(step)}: {count} assets so far[/]")
        elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
            self._show_check(event)

    def _show_check(self, event: DagsterEvent) -> None:
        check = event.asset_check_evaluation_data
        if check.passed:
            return
        reason = check.metadata.get("reason")
        colour = "red" if check.severity == dg.AssetCheckSeverity.ERROR else "yellow"
        words = "/".join(check.asset_key.path) + f" {check.check_name}"
        self._line(
            f"  [{colour}]![/] {words}: {reason.value if reason else check.description or 'did not pass'}"
        )

    def _about(self, step: str) -> str:
        seconds = time.monotonic() - self._started.get(step, time.monotonic())
        count = self._counts.get(step, 0)
        return f"{seconds:.1f} s" + (f", {count} assets" if count > 1 else "")


@dg.logger({}, "Lines for a person at a terminal; used by `siyu run`.")
def progress_logger(init_context: Any) -> logging.Logger:
    """Return the logger that ``show_progress`` has attached a handler to."""
    logger = logging.getLogger(LOGGER_NAME)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    return logger


def show_progress(line: Line) -> None:
    """Send the progress of runs in this process to ``line``."""
    logger = logging.getLogger(LOGGER_NAME)
    logger.handlers = [ProgressHandler(line)]


def _title(step: str) -> str:
    return step.replace("__", " ").replace("_", " ")


def _plain(record: logging.LogRecord) -> str:
    text = str(getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage())
    return text.strip().splitlines()[0] if text.strip() else ""


def _first_line(event: DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error else ""
