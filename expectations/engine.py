"""The only code that touches Great Expectations' execution: context, batch, evaluation, clean-up.

Great Expectations is imported inside functions, because the import takes 7 s and a run needs it at most once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common.warehouse import connect
from expectations.dialect import Session
from expectations.safe_text import describe_error
from expectations.spec import ExpectationSpec, Suite
from expectations.verdict import Request

# SUMMARY without values: counts only. Every other format puts failing cells into results and Data Docs.
RESULT_FORMAT = {"result_format": "SUMMARY", "exclude_unexpected_values": True}
_GX_SEVERITY = {"critical": "critical", "advisory": "warning"}


@dataclass(frozen=True)
class Batch:
    """What is judged: a SELECT inside an open session, its columns and its number of rows."""

    session: Session
    query: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Outcome:
    """How one expectation ended. ``error`` is set when it could not be evaluated at all."""

    index: int
    success: bool
    unexpected_count: int | None
    error: str | None


def new_context() -> Any:
    """Return an ephemeral context: nothing on disk, no analytics, no progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Its error log quotes the cells that broke a query; we report the same errors without them.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


@contextmanager
def opened(request: Request, suite: Suite) -> Iterator[Batch]:
    """Open the batch of a request; every connection is closed on leaving, so a DuckDB file is unlocked again.

    Raises:
        duckdb.Error: the parts or the file cannot be read, or the query is wrong.
    """
    root = connect(request.database, read_only=True) if request.database else connect()
    session = Session(uuid.uuid4().hex, root)
    try:
        query = _prepare(session, request, suite)
        columns = tuple(row[0] for row in root.execute(f"describe {query}").fetchall())
        counted = root.execute(f"select count(*) from ({query})").fetchone()  # noqa: S608
        yield Batch(session, query, columns, counted[0] if counted else 0)
    finally:
        session.close()


def evaluate(context: Any, suite: Suite, batch: Batch) -> tuple[list[Outcome], Any]:
    """Evaluate every expectation of the suite; return outcomes and Great Expectations' own result, made safe.

    Raises:
        Exception: whatever Great Expectations raises when the suite itself is not to its liking.
    """
    import great_expectations as gx

    name = batch.session.token
    source = context.data_sources.add_sql(
        name=name, connection_string=batch.session.url, create_temp_table=False
    )
    try:
        asset = source.add_query_asset("rows", query=batch.query)
        data = asset.add_batch_definition_whole_table("all").get_batch()
        wanted = gx.ExpectationSuite(name=suite.name, expectations=_configurations(suite))
        result = data.validate(wanted, result_format=RESULT_FORMAT)
    finally:
        source.get_engine().dispose()
        source.get_execution_engine().close()
        context.data_sources.delete(name)
    return [_outcome(each, batch.columns) for each in result.results], result


def _prepare(session: Session, request: Request, suite: Suite) -> str:
    """Return the SELECT to judge. JSON is taken apart once, into a table, not again for each expectation."""
    if request.database:
        rows = f"({request.query})"
        return suite.batch_query.replace("{rows}", rows) if suite.batch_query else str(request.query)
    literal = "'" + str(request.parts).replace("'", "''") + "'"
    rows = f"read_parquet({literal}, hive_partitioning = false)"
    if suite.batch_query is None:
        session.root.execute(f"create view batch as select * from {rows}")  # noqa: S608
    else:
        session.root.execute(f"create table batch as {suite.batch_query.replace('{rows}', rows)}")
    return "select * from batch"


def _configurations(suite: Suite) -> list[dict[str, Any]]:
    return [
        {
            "type": each.type,
            "kwargs": {key: _escaped(key, value) for key, value in each.kwargs.items()},
            "severity": _GX_SEVERITY[each.severity],
            "description": f"{each.severity}: {each.why} ({_in_words(each)})",
            "meta": {"index": index},
        }
        for index, each in enumerate(suite.expectations)
    ]


def _in_words(each: ExpectationSpec) -> str:
    """Say what is checked, for Data Docs: the SQL as written, or the expectation with its arguments."""
    query = each.kwargs.get("unexpected_rows_query")
    return f"no rows from: {query}" if query else f"{each.type} {each.kwargs}"


def _escaped(key: str, value: Any) -> Any:
    """Double all braces of a query but those of ``{batch}``: regex quantifiers are written as they are."""
    if key != "unexpected_rows_query":
        return value
    return value.replace("{", "{{").replace("}", "}}").replace("{{batch}}", "{batch}")


def _outcome(result: Any, columns: tuple[str, ...]) -> Outcome:
    configuration = result.expectation_config
    error = _exception(result.exception_info, columns)
    if error is not None:
        result.exception_info = {
            "raised_exception": True,
            "exception_message": error,
            "exception_traceback": "",
        }
        result.result = {}
    count = result.result.get("unexpected_count")
    if configuration.type == "unexpected_rows_expectation":
        count = result.result.get("observed_value")
    return Outcome(configuration.meta["index"], bool(result.success), count, error)


def _exception(info: dict[str, Any] | None, columns: tuple[str, ...]) -> str | None:
    """Return the first exception of a result as safe text; the info is one exception, or one per metric."""
    if not info:
        return None
    each = (
        [info]
        if "raised_exception" in info
        else [value for value in info.values() if isinstance(value, dict)]
    )
    for exception in each:
        if exception.get("raised_exception"):
            return describe_error("check crashed", str(exception.get("exception_message") or ""), columns)
    return None
