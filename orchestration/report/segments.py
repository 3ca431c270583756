"""人群规模: how large each segment is, was on each of the last days, and who came and went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestration.report import formats
from orchestration.report.figures import lines
from orchestration.report.model import Alert, Bar, Cell, Chart, Column, Section, Spark, Table, Text
from orchestration.report.source import Source
from orchestration.report.today import days_to

DAYS = 90
LINES = 8
WEEK = 7
# Worth a look: at least twice as many as on a usual day of the last week, and not a handful.
UNUSUAL_RATIO = 2.0
UNUSUAL_FROM = 10


@dataclass(frozen=True)
class SegmentDays:
    """One segment on the last days, oldest first: members at the end of the day, who entered, who left."""

    code: str
    name_zh: str
    sizes: list[int]
    entered: list[int]
    left: list[int]


def fill(made: Section, source: Source) -> None:
    """Fill the section.

    Raises:
        MissingInputError: ``segments`` or ``segment_history`` is not there.
    """
    days = days_to(source.as_of, DAYS)
    found = segment_days(source)
    if not found:
        made.notes.append(Text("还没有人群。", "There are no segments yet."))
        return
    drawn = [each for each in found if any(each.sizes)][:LINES]
    if drawn:
        more = len(found) - len(drawn)
        note = Text(f"最大的 {LINES} 个；全部见下表。", f"The {LINES} largest; all are in the table.")
        made.charts.append(
            Chart(
                "segments",
                Text(f"人数，近 {DAYS} 天", f"Members, last {DAYS} days"),
                lines([formats.day(day) for day in days], [(each.name_zh, each.sizes) for each in drawn]),
                320,
                note if more and len(drawn) == LINES else None,
            )
        )
    made.tables.append(_table(source, found))
    made.alerts.extend(alert for each in found for alert in _alerts(each))
    made.alerts.extend(
        Alert(
            Text(f"人群「{code}」被闸门拦下，沿用上次名单", f"Segment {code} is held: the last members stay"),
            urgent=True,
        )
        for code in source.held
    )


def segment_days(source: Source) -> list[SegmentDays]:
    """Return every declared segment on the last days, largest first.

    Raises:
        MissingInputError: ``segments`` or ``segment_history`` is not there.
    """
    source.need("segments", "segment_code", "name_zh")
    source.need("segment_history", "segment_code", "entered_date", "left_date")
    days = days_to(source.as_of, DAYS)
    before = {row["code"]: row["members"] for row in source.rows(_BEFORE, first=days[0])}
    moves = {(row["code"], row["day"]): row for row in source.rows(_MOVES, first=days[0])}
    names = source.rows("select segment_code as code, name_zh from segments order by segment_code")
    found = [
        _series(each["code"], each["name_zh"], before.get(each["code"], 0), moves, days) for each in names
    ]
    return sorted(found, key=lambda each: (-each.sizes[-1], each.code))


def _series(
    code: str,
    name_zh: str,
    before: int,
    moves: dict[tuple[str, dt.date], dict[str, int]],
    days: list[dt.date],
) -> SegmentDays:
    sizes: list[int] = []
    entered: list[int] = []
    left: list[int] = []
    size = before
    for day in days:
        move = moves.get((code, day), {"entered": 0, "went": 0})
        size += move["entered"] - move["went"]
        sizes.append(size)
        entered.append(move["entered"])
        left.append(move["went"])
    return SegmentDays(code, name_zh, sizes, entered, left)


def _table(source: Source, found: Sequence[SegmentDays]) -> Table:
    columns: Sequence[Column] = (
        (Text("人群", "Segment"), "text"),
        (Text("人数", "Members"), "number"),
        (Text("今日进", "In"), "number"),
        (Text("今日出", "Out"), "number"),
        (Text("近 7 日", "7 days"), "number"),
        (Text(f"近 {DAYS} 天", f"{DAYS} days"), "picture"),
    )
    most = max(each.sizes[-1] for each in found) or 1
    rows: list[Sequence[Cell]] = []
    for each in found:
        held = "（沿用上次）" if each.code in source.held else ""
        now = each.sizes[-1]
        rows.append(
            (
                Text(each.name_zh + held, each.code),
                Bar(formats.count(now), now / most),
                formats.count(each.entered[-1]),
                formats.count(each.left[-1]),
                formats.signed(formats.count(now - each.sizes[-1 - WEEK])),
                Spark(each.sizes, from_zero=False),
            )
        )
    return Table(Text("全部人群", "All segments"), columns, rows)


def _alerts(found: SegmentDays) -> list[Alert]:
    alerts = []
    for series, zh, en in ((found.entered, "新进", "entered"), (found.left, "离开", "left")):
        today, mean = series[-1], fmean(series[-1 - WEEK : -1])
        if today >= UNUSUAL_FROM and today >= UNUSUAL_RATIO * mean:
            text = Text(
                f"「{found.name_zh}」今日{zh} {formats.count(today)} 人，前 7 日均 {mean:.1f}",
                f"{found.code}: {formats.count(today)} {en} today, mean of 7 days before {mean:.1f}",
            )
            alerts.append(Alert(text))
    return alerts


_BEFORE = """
select segment_code as code, count(*) as members
from segment_history
where entered_date < $first and (left_date is null or left_date >= $first)
group by segment_code
"""

_MOVES = """
select code, day, cast(sum(entered) as bigint) as entered, cast(sum(went) as bigint) as went
from (
    select segment_code as code, entered_date as day, count(*) as entered, 0 as went
    from segment_history
    where entered_date between $first and $as_of
    group by all
    union all
    select segment_code, left_date, 0, count(*)
    from segment_history
    where left_date between $first and $as_of and entered_date <= $as_of
    group by all
) as moves
group by code, day
"""
