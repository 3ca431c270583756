"""触达效果: what treating each segment did, against those who were held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.lift import Effect, effects
from orchestration.report import formats
from orchestration.report.figures import intervals
from orchestration.report.model import Alert, Cell, Chart, Column, Section, Table, Text
from orchestration.report.source import Source

if TYPE_CHECKING:
    from activation.effect import Lift


def fill(made: Section, source: Source) -> None:
    """Fill the section; of each segment the longest of its numbers of days.

    Raises:
        MissingInputError: ``segment_lift`` is not there.
    """
    longest = {each.segment_code: each for each in effects(source)}
    found = [each for each in longest.values() if each.treated("ordered")]
    if not found:
        made.notes.append(Text("还没有成员满观察期。", "Nobody has been in a segment for long enough yet."))
        return
    days = max(each.within_days for each in found)
    made.notes.append(
        Text(
            f"随机留出的对照组不触达；进入人群后 {days} 天内的差别，95% 区间（意向性分析）。区间含 0 就不能说有效。",
            f"Treated minus held out within {days} days of entering, 95% intervals (intention to treat). An interval "
            "that holds 0 shows no effect.",
        )
    )
    names = _names(source)
    sent = _sent(source)
    untouched = [each.segment_code for each in found if each.segment_code not in sent]
    if untouched:
        made.notes.append(
            Text(
                f"还没有向 {len(untouched)} 个人群真正发送过：它们的差别只是偶然（A/A）。",
                f"Nothing was sent to {len(untouched)} segments yet: their differences are chance (A/A).",
            )
        )
    made.charts.extend(_chart(found, names))
    made.tables.append(_table(found, names))
    variants = _variants(found, names)
    if variants.rows:
        made.tables.append(variants)
    made.alerts.extend(
        Alert(
            Text(
                f"{names.get(each.segment_code, each.segment_code)}：分组比例与抽签不符（SRM），效果不可信",
                f"{each.segment_code}: its arms are not the ones that were drawn (SRM); do not believe its effect",
            ),
            urgent=True,
        )
        for each in found
        if each.is_suspect
    )


def _chart(found: list[Effect], names: dict[str, str]) -> list[Chart]:
    drawn = [
        (names.get(each.segment_code, each.segment_code), lift)
        for each in found
        if (lift := each.treated("ordered")) and lift.low is not None
    ]
    if not drawn:
        return []
    points = [
        (name, 100 * one.difference, 100 * (one.low or 0), 100 * (one.high or 0)) for name, one in drawn
    ]
    title = Text("下单率的差别，百分点", "Difference in the share that ordered, percentage points")
    return [Chart("effect", title, intervals(points), 70 + 34 * len(points))]


def _table(found: list[Effect], names: dict[str, str]) -> Table:
    columns: Sequence[Column] = (
        (Text("人群", "Segment"), "text"),
        (Text("触达", "Treated"), "number"),
        (Text("对照", "Held out"), "number"),
        (Text("下单率", "Ordered"), "number"),
        (Text("对照下单率", "Held out's"), "number"),
        (Text("差别", "Difference"), "number"),
        (Text("人均净消费的差别", "Net spend per member"), "number"),
    )
    rows: list[Sequence[Cell]] = []
    for each in found:
        ordered, spend = each.treated("ordered"), each.treated("net_fen")
        if ordered is None or spend is None:
            continue
        rows.append(
            (
                Text(names.get(each.segment_code, each.segment_code), each.segment_code),
                formats.count(ordered.arm.members),
                formats.count(ordered.against.members),
                formats.percent(ordered.arm.mean, places=1),
                formats.percent(ordered.against.mean, places=1),
                _points(ordered),
                _yuan(spend),
            )
        )
    note = Text(
        "★ 区间不含 0。样本不足 30 人的不给区间。", "★ the interval leaves out 0. None below 30 members."
    )
    return Table(Text("触达减对照", "Treated minus held out"), columns, rows, note=note)


def _variants(found: list[Effect], names: dict[str, str]) -> Table:
    columns: Sequence[Column] = (
        (Text("人群", "Segment"), "text"),
        (Text("方案", "Variant"), "text"),
        (Text("对比", "Against"), "text"),
        (Text("下单率的差别", "Ordered"), "number"),
        (Text("人均净消费的差别", "Net spend per member"), "number"),
    )
    rows: list[Sequence[Cell]] = [
        (
            Text(names.get(each.segment_code, each.segment_code), each.segment_code),
            ordered.arm.code,
            ordered.against.code,
            _points(ordered),
            _yuan(spend),
        )
        for each in found
        for ordered, spend in zip(each.lifts.get("ordered", []), each.lifts.get("net_fen", []), strict=True)
        if ordered.arm.code != "treated"
    ]
    return Table(Text("A/B 方案", "A/B variants"), columns, rows, folded=True)


def _points(lift: Lift) -> str:
    def shown(ratio: float) -> str:
        return formats.signed(formats.percent(ratio, places=1))

    return _interval(lift, *map(shown, (lift.difference, lift.low or 0, lift.high or 0)))


def _yuan(lift: Lift) -> str:
    def shown(fen: float) -> str:
        return formats.signed(formats.yuan(fen))

    return _interval(lift, *map(shown, (lift.difference, lift.low or 0, lift.high or 0)))


def _interval(lift: Lift, difference: str, low: str, high: str) -> str:
    if lift.low is None:
        return difference
    return f"{difference} [{low}, {high}]" + (" ★" if lift.is_significant else "")


def _names(source: Source) -> dict[str, str]:
    if not source.has("segments", "segment_code", "name_zh"):
        return {}
    return {
        row["segment_code"]: row["name_zh"]
        for row in source.rows("select segment_code, name_zh from segments")
    }


def _sent(source: Source) -> set[str]:
    """Return the segments that something was ever sent to."""
    if not source.has("sync_runs", "segment_code", "mode", "sent_count"):
        return set()
    rows = source.rows("select distinct segment_code from sync_runs where mode = 'live' and sent_count > 0")
    return {row["segment_code"] for row in rows}
