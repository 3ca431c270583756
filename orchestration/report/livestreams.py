"""直播漏斗: from exposure to payment over the last livestreams."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from orchestration.report import formats
from orchestration.report.figures import funnel
from orchestration.report.model import Cell, Chart, Column, Section, Table, Text
from orchestration.report.source import Source

DAYS = 30
LISTED = 10

STEPS = (
    ("impression_uv", Text("曝光", "Exposure")),
    ("watch_uv", Text("观看", "Watch")),
    ("product_click_uv", Text("点商品", "Click")),
    ("pay_uv", Text("支付", "Pay")),
)
_FIGURES = (*(code for code, _ in STEPS), "new_follow_uv", "gmv_fen", "attributed_order_count")


def fill(made: Section, source: Source) -> None:
    """Fill the section.

    Raises:
        MissingInputError: ``livestreams`` is not there.
    """
    source.need("livestreams", "live_id", "started_date", "started_at", "duration_seconds", *_FIGURES)
    first = source.as_of - dt.timedelta(days=DAYS - 1)
    sums = ", ".join(f"cast(coalesce(sum({name}), 0) as bigint) as {name}" for name in _FIGURES)
    where = "where started_date between $first and $as_of"
    [total] = source.rows(f"select count(*) as live_count, {sums} from livestreams {where}", first=first)  # noqa: S608
    lives = source.rows(_LAST, listed=LISTED)
    if not lives:
        made.notes.append(Text("还没有直播数据。", "No livestreams yet."))
        return
    if total["live_count"]:
        made.charts.append(_funnel(total))
    else:
        made.notes.append(Text(f"近 {DAYS} 天没有直播。", f"No livestream in the last {DAYS} days."))
    made.tables.append(_table(lives))


def _funnel(total: dict[str, int]) -> Chart:
    names = [f"{text.zh} {text.en}" for _, text in STEPS]
    note = Text(
        f"{total['live_count']} 场合计，人次；每步后为占上一步的比例。"
        f"新增关注 {formats.count(total['new_follow_uv'])}。",
        f"{total['live_count']} livestreams together, visitors of each; beside a step its share of the one before. "
        f"{formats.count(total['new_follow_uv'])} new followers.",
    )
    title = Text(f"近 {DAYS} 天", f"Last {DAYS} days")
    return Chart("livestreams", title, funnel(names, [total[code] for code, _ in STEPS]), 260, note)


def _table(lives: list[dict[str, int]]) -> Table:
    columns: Sequence[Column] = (
        (Text("日期", "Date"), "text"),
        (Text("时长", "Minutes"), "number"),
        *((title, "number") for _, title in STEPS),
        (Text("点击→支付", "Click → pay"), "number"),
        (Text("平台 GMV", "GMV, platform"), "number"),
        (Text("归因订单", "Orders, ours"), "number"),
    )
    rows: list[Sequence[Cell]] = [
        (
            formats.day(each["started_date"]),  # type: ignore[arg-type]
            formats.count((each["duration_seconds"] or 0) // 60),
            *(_or_dash(each[code]) for code, _ in STEPS),
            formats.percent(
                each["pay_uv"] / each["product_click_uv"] if each["product_click_uv"] else None, places=1
            ),
            formats.yuan(each["gmv_fen"] or 0),
            formats.count(each["attributed_order_count"] or 0),
        )
        for each in lives
    ]
    return Table(Text(f"最近 {len(rows)} 场", f"Last {len(rows)} livestreams"), columns, rows)


def _or_dash(value: int | None) -> str:
    return "–" if value is None else formats.count(value)


_LAST = """
select *
from livestreams
where started_date <= $as_of
order by started_at desc, live_id
limit $listed
"""
