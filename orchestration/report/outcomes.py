"""触达结果: what was sent where, refused, not sent, and what is in doubt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from orchestration.report import formats
from orchestration.report.figures import ACCENT, DOWN, WARN, stacked
from orchestration.report.model import Alert, Cell, Chart, Column, Section, Table, Text
from orchestration.report.source import Source
from orchestration.report.today import Baseline

RUNS = 12
CODES = 10

# Rows that a dead sender left pending are as unsure as those that a timeout left in doubt.
OUTCOMES = (
    ("sent", Text("已送达", "Sent"), ACCENT),
    ("refused", Text("被拒", "Refused"), DOWN),
    ("not_sent", Text("未发", "Not sent"), "#cbd2d9"),
    ("in_doubt", Text("存疑", "In doubt"), WARN),
)


def fill(made: Section, source: Source, since: Baseline | None) -> None:
    """Fill the section; "new" is what was tried since the copy that ``since`` tells of.

    Raises:
        MissingInputError: ``sync_log`` is not there.
    """
    _plans(made, source)
    source.need("sync_log", "segment_code", "destination", "outcome", "intent_at", "code_class")
    after = dt.datetime.fromisoformat(since.published_at) if since else dt.datetime.min.replace(tzinfo=dt.UTC)
    rows = source.rows(_OUTCOMES.format(names=_names(source)), after=after)
    if not rows:
        made.notes.append(Text("还没有发送过。", "Nothing was sent yet."))
        return
    made.charts.append(_chart(rows))
    made.tables.append(_table(rows, since))
    refused = source.rows(_CODES, codes=CODES)
    if refused:
        columns: Sequence[Column] = (
            (Text("目的地", "Destination"), "text"),
            (Text("原因类别", "Why"), "text"),
            (Text("行数", "Rows"), "number"),
        )
        cells: list[Sequence[Cell]] = [
            (each["destination"], each["code_class"], formats.count(each["rows"])) for each in refused
        ]
        made.tables.append(Table(Text("被拒与未发的原因", "Why refused or not sent"), columns, cells))
    if source.has("sync_runs", *_RUN_COLUMNS):
        made.tables.append(_runs(source))
    in_doubt = sum(each["in_doubt"] for each in rows)
    if in_doubt:
        text = Text(
            f"{formats.count(in_doubt)} 行存疑，等回读确认，不会重发",
            f"Rows in doubt: {formats.count(in_doubt)}; they are read back, never sent again before that",
        )
        made.alerts.append(Alert(text, urgent=True))


def _plans(made: Section, source: Source) -> None:
    """Show where the last plan of each destination stands, those that wait for a person on top of the page."""
    if not source.has("sync_runs", *_PLAN_COLUMNS):
        return
    there = (
        "destination_state" if source.has("destination_state", "segment_code", "destination") else _NOTHING
    )
    found = source.rows(_PLANS.format(names=_names(source), there=there))
    if not found:
        return
    columns: Sequence[Column] = (
        (Text("人群", "Segment"), "text"),
        (Text("目的地", "Destination"), "text"),
        (Text("状态", "Status"), "text"),
        (Text("增", "Add"), "number"),
        (Text("改", "Change"), "number"),
        (Text("删", "Remove"), "number"),
        (Text("已在目的地", "There now"), "number"),
    )
    cells: list[Sequence[Cell]] = [
        (
            Text(each["name_zh"] or each["segment_code"], each["segment_code"]),
            each["destination"],
            each["plan_status"] or "–",
            *(
                formats.count(each[name] or 0)
                for name in ("add_count", "change_count", "remove_count", "present_count")
            ),
        )
        for each in found
    ]
    made.tables.append(Table(Text("最近的计划", "Last plans"), columns, cells))
    made.alerts.extend(
        Alert(
            Text(
                f"计划等待批准：siyu approve {each['plan_id']} --by …",
                f"A plan waits for approval: {each['segment_code']} to {each['destination']}",
            ),
            urgent=True,
        )
        for each in found
        if each["plan_status"] == "needs_approval"
    )


def _names(source: Source) -> str:
    """Return the SQL of a relation with the segments' names; without the table it has no rows."""
    if source.has("segments", "segment_code", "name_zh"):
        return "segments"
    return "(select null::varchar as segment_code, null::varchar as name_zh where false)"


def _chart(rows: list[dict[str, int]]) -> Chart:
    destinations = sorted({str(each["destination"]) for each in rows})
    series = [
        (
            f"{title.zh} {title.en}",
            [sum(each[code] for each in rows if each["destination"] == name) for name in destinations],
            color,
        )
        for code, title, color in OUTCOMES
    ]
    title = Text("至今的发送结果，按目的地", "All outcomes so far, by destination")
    return Chart("activation", title, stacked(destinations, series), 120 + 48 * len(destinations))


def _table(rows: list[dict[str, int]], since: Baseline | None) -> Table:
    columns: Sequence[Column] = (
        (Text("人群", "Segment"), "text"),
        (Text("目的地", "Destination"), "text"),
        (Text("新发出", "New, sent"), "number"),
        (Text("新未成", "New, failed"), "number"),
        *((title, "number") for _, title, _ in OUTCOMES),
    )
    cells: list[Sequence[Cell]] = [
        (
            Text(str(each["name_zh"] or each["segment_code"]), str(each["segment_code"])),
            str(each["destination"]),
            formats.count(each["new_sent"]),
            formats.count(each["new_failed"]),
            *(formats.count(each[code]) for code, _, _ in OUTCOMES),
        )
        for each in rows
    ]
    zh, en = (
        (f"{since.as_of} 的副本之后", f"since the copy of {since.as_of}") if since else ("至今", "so far")
    )
    note = Text(
        f"「新」指{zh}；其余为累计行数，含移除。", f"New: {en}. The others are all rows so far, removals too."
    )
    return Table(Text("按人群与目的地", "By segment and destination"), columns, cells, note=note)


def _runs(source: Source) -> Table:
    columns: Sequence[Column] = (
        (Text("时间 UTC", "At, UTC"), "text"),
        (Text("人群", "Segment"), "text"),
        (Text("目的地", "Destination"), "text"),
        (Text("状态", "Status"), "text"),
        (Text("已送达", "Sent"), "number"),
        (Text("被拒", "Refused"), "number"),
        (Text("说明", "Why"), "text"),
    )
    cells: list[Sequence[Cell]] = [
        (
            f"{each['started_at']:%m-%d %H:%M}",
            each["segment_code"],
            each["destination"],
            f"{each['status']} ({each['mode']})",
            formats.count(each["sent_count"] or 0),
            formats.count(each["refused_count"] or 0),
            each["reason"] or "",
        )
        for each in source.rows(_RUNS, runs=RUNS)
    ]
    return Table(Text("最近的执行", "Last runs"), columns, cells, folded=True)


_RUN_COLUMNS = (
    "run_id", "segment_code", "destination", "mode", "status", "reason", "sent_count", "refused_count", "started_at",
)  # fmt: skip

_OUTCOMES = """
select
    logged.segment_code,
    any_value(named.name_zh) as name_zh,
    logged.destination,
    count(*) filter (where outcome = 'sent') as sent,
    count(*) filter (where outcome = 'refused') as refused,
    count(*) filter (where outcome = 'not_sent') as not_sent,
    count(*) filter (where outcome in ('in_doubt', 'pending')) as in_doubt,
    count(*) filter (where intent_at > $after and outcome = 'sent') as new_sent,
    count(*) filter (where intent_at > $after and outcome <> 'sent') as new_failed
from sync_log as logged
left join {names} as named on named.segment_code = logged.segment_code
group by logged.segment_code, logged.destination
order by logged.segment_code, logged.destination
"""

_PLAN_COLUMNS = (
    "plan_id", "plan_status", "segment_code", "destination", "add_count", "change_count", "remove_count", "started_at",
)  # fmt: skip

_NOTHING = "(select null::varchar as segment_code, null::varchar as destination where false)"

_PLANS = """
with newest as (
    select
        segment_code, destination, plan_id, plan_status, add_count, change_count, remove_count,
        row_number() over (partition by segment_code, destination order by started_at desc, run_id desc) as age
    from sync_runs
),
there as (select segment_code, destination, count(*) as present_count from {there} group by all)
select newest.*, coalesce(there.present_count, 0) as present_count, named.name_zh
from newest
left join there on there.segment_code = newest.segment_code and there.destination = newest.destination
left join {names} as named on named.segment_code = newest.segment_code
where newest.age = 1
order by newest.segment_code, newest.destination
"""

_CODES = """
select destination, coalesce(code_class, 'unknown') as code_class, count(*) as rows
from sync_log
where outcome in ('refused', 'not_sent')
group by all
order by count(*) desc, destination, code_class
limit $codes
"""

_RUNS = """
select * from sync_runs order by started_at desc, run_id limit $runs
"""
