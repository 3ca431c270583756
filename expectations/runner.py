"""Judges batches: load the suite, evaluate it, tell bad data from a check that crashed, write Data Docs.

The answer is always a verdict, never an exception about the data: whoever asks must not have to guess whether
silence means good.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from common.clock import utc_now
from expectations.docs import page_path, write_index, write_page
from expectations.safe_text import describe_error
from expectations.spec import SUITES_DIR, Suite, SuiteError, load_suite
from expectations.verdict import Failure, Request, Verdict

logger = logging.getLogger(__name__)
_importing = threading.Lock()


def judge(
    suite_name: str,
    *,
    parts: str | None = None,
    database: Path | None = None,
    query: str | None = None,
    subject: str,
    docs_dir: Path | None = None,
) -> Verdict:
    """Judge one batch: a glob of Parquet files (``parts``), or a SELECT on a DuckDB file opened read-only.

    Raises:
        ValueError: neither or both kinds of batch were given.
    """
    return judge_many([Request(suite_name, subject, parts, database, query, docs_dir)])[0]


def judge_many(requests: Iterable[Request], *, suites_dir: Path = SUITES_DIR) -> list[Verdict]:
    """Judge several batches, in order, with this process's Great Expectations context."""
    wanted = list(requests)
    if not wanted:
        return []
    verdicts = []
    for request in wanted:
        started = time.monotonic()
        try:
            suite = load_suite(request.suite, suites_dir)
            verdicts.append(_judge(_context(), suite, request, started))
        except SuiteError as error:  # names files and keys of ours, no data
            verdicts.append(_unjudged(request, str(error), started))
        except Exception as error:  # whatever happened, the answer is a verdict that holds
            verdicts.append(_unjudged(request, describe_error(type(error).__name__, str(error)), started))
    _index(wanted, verdicts)
    return verdicts


def get_ready() -> None:
    """Import Great Expectations now, so that the first judgement of this process does not wait for it."""
    _context()


def _context() -> Any:
    """One context a process: the import takes 7 s, a context 0.2 s. It keeps nothing of what was judged."""
    # Two threads in the middle of the same imports may each see half of a module.
    with _importing:
        return _new_context()


@cache
def _new_context() -> Any:
    from expectations.engine import new_context

    return new_context()


def _judge(context: Any, suite: Suite, request: Request, started: float) -> Verdict:
    from expectations.engine import evaluate, opened

    with opened(request, suite) as batch:
        outcomes, result = evaluate(context, suite, batch)
    critical: list[Failure] = []
    advisory: list[Failure] = []
    for outcome in sorted(outcomes, key=lambda each: each.index):
        spec = suite.expectations[outcome.index]
        if not outcome.success and outcome.error is None:
            failure = Failure(spec.type, spec.column, spec.why, outcome.unexpected_count)
            (critical if spec.severity == "critical" else advisory).append(failure)
    errors = [
        f"{suite.expectations[each.index].column or 'table'}: {each.error}" for each in outcomes if each.error
    ]
    if len(outcomes) != len(suite.expectations):
        errors.append(f"expected {len(suite.expectations)} evaluated expectations, got {len(outcomes)}")
    return Verdict(
        suite=suite.name,
        subject=request.subject,
        checks=len(outcomes),
        rows=batch.rows,
        critical_failures=tuple(critical),
        advisory_failures=tuple(advisory),
        error="; ".join(errors) or None,
        docs_path=_page(request, result),
        seconds=round(time.monotonic() - started, 3),
    )


def _unjudged(request: Request, error: str, started: float) -> Verdict:
    seconds = round(time.monotonic() - started, 3)
    return Verdict(request.suite, request.subject, 0, 0, (), (), error, None, seconds)


def _page(request: Request, result: Any) -> Path | None:
    """Write the page, or log why not: a full disk must not turn good data into a held load."""
    if request.docs_dir is None:
        return None
    path = page_path(request.docs_dir, request.suite, request.subject)
    try:
        write_page(path, result, utc_now())
    except Exception as error:
        logger.warning(
            "no Data Docs page for %s: %s", request.suite, describe_error(type(error).__name__, str(error))
        )
        return None
    return path


def _index(requests: list[Request], verdicts: list[Verdict]) -> None:
    by_folder: dict[Path, list[Verdict]] = {}
    for request, verdict in zip(requests, verdicts, strict=True):
        if request.docs_dir is not None:
            by_folder.setdefault(request.docs_dir, []).append(verdict)
    for folder, judged in by_folder.items():
        try:
            write_index(folder, judged, utc_now())
        except OSError as error:
            logger.warning("no Data Docs index in %s: %s", folder, error.strerror)
