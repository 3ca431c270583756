"""今日要点: the day's key figures beside the week before, and what is new since the copy of the day before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestration.report import formats
from orchestration.report.figures import day_bars
from orchestration.report.measures import MEASURES, Measure, Total
from orchestration.report.model import Card, Cell, Chart, Column, Section, Spark, Table, Text
from orchestration.report.source import Source

SPARK_DAYS = 30
CHART_DAYS = 60
WEEK = 7


@dataclass(frozen=True)
class Baseline:
    """What the page compares with: the last copy of an earlier business day. ``published_at`` is an ISO instant."""

    as_of: str
    published_at: str
    totals: dict[str, int]


def fill(made: Section, source: Source, now: dict[str, Total], since: Baseline | None) -> None:
    """Fill the day's section; ``now`` are the totals of this copy."""
    absent: list[Text] = []
    for measure in MEASURES:
        if measure.code not in now or now[measure.code].row_count == 0:
            absent.append(measure.title)
            continue
        made.cards.append(_card(source, measure))
    if made.cards:
        made.notes.append(
            Text(
                "卡片：当日；括号里是前 7 天的日均，百分比与它相比；曲线为近 30 天。",
                "Cards: the day; in brackets the daily mean of the 7 days before, which the change is against; "
                "the line is 30 days.",
            )
        )
    if absent:
        made.notes.append(
            Text(
                "还没有数据：" + "、".join(each.zh for each in absent),
                "No data yet: " + ", ".join(each.en.lower() for each in absent),
            )
        )
    chart = _chart(source)
    if chart is not None:
        made.charts.append(chart)
    if since:
        made.tables.append(_since(now, since))
    else:
        made.notes.append(
            Text("没有更早日期的副本可比。", "There is no copy of an earlier day to compare with.")
        )


def days_to(as_of: dt.date, number: int) -> list[dt.date]:
    """Return the last ``number`` business days up to ``as_of``, oldest first."""
    return [as_of - dt.timedelta(days=back) for back in range(number - 1, -1, -1)]


def _card(source: Source, measure: Measure) -> Card:
    days = days_to(source.as_of, SPARK_DAYS)
    found = measure.by_day(source, days[0])
    values = [found.get(day, 0) for day in days]
    mean = fmean(values[-1 - WEEK : -1])
    if mean:
        change = values[-1] / mean - 1
        arrow = "▲" if change >= 0.005 else "▼" if change <= -0.005 else "＝"
        compared = f"{arrow} {formats.percent(abs(change))}"
    else:
        compared = "–"
    written = measure.write(round(mean) if measure.write is formats.yuan else mean)
    if measure.write is formats.count and mean < 10:
        written = f"{mean:.1f}"
    return Card(
        measure.title,
        measure.write(values[-1]),
        f"{compared} ({written})",
        Spark(values),
    )


def _chart(source: Source) -> Chart | None:
    [gmv] = [each for each in MEASURES if each.code == "gmv_fen"]
    if not gmv.there(source):
        return None
    days = days_to(source.as_of, CHART_DAYS + WEEK - 1)
    found = gmv.by_day(source, days[0])
    values = [found.get(day, 0) / 100 for day in days]
    means = [fmean(values[index - WEEK + 1 : index + 1]) for index in range(WEEK - 1, len(values))]
    shown = days[WEEK - 1 :]
    return Chart(
        "gmv",
        Text(f"成交额，近 {CHART_DAYS} 天", f"GMV, last {CHART_DAYS} days"),
        day_bars([formats.day(each) for each in shown], values[WEEK - 1 :], means),
        260,
    )


def _since(now: dict[str, Total], since: Baseline) -> Table:
    columns: Sequence[Column] = (
        (Text("指标", "Figure"), "text"),
        (Text("变化", "Change"), "number"),
        (Text("现在", "Now"), "number"),
    )
    rows: list[Sequence[Cell]] = []
    for each in MEASURES:
        if each.code in now and each.code in since.totals and now[each.code].row_count:
            figure = now[each.code].figure
            change = formats.signed(each.write(figure - since.totals[each.code]))
            rows.append((each.title, change, each.write(figure)))
    return Table(
        Text(f"自 {since.as_of} 的副本以来", f"Since the copy of {since.as_of}"),
        columns,
        rows,
        note=Text(
            "累计数之差，含迟到和更正的记录。",
            "Differences of the totals: late and corrected records count too.",
        ),
    )
