"""数据质量: what the gates held, what was quarantined and why, and what passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration.report import formats
from orchestration.report.model import Alert, Cell, Column, Section, Table, Text
from orchestration.report.source import MissingInputError, Source

REASONS = 15

_STATUS = {
    "passed": Text("通过", "passed"),
    "warned": Text("提醒", "warned"),
    "failed": Text("拦下", "held"),
    "error": Text("无法判定，拦下", "not judged, held"),
}


def fill(made: Section, source: Source) -> None:
    """Fill the section; a table that is not there is named in a note."""
    for part in (_held_loads, _verdicts, _quarantined):
        try:
            part(source, made)
        except MissingInputError as error:
            made.notes.append(Text(f"这份副本缺少 {error.args[0]}。", f"This copy lacks {error.args[0]}."))


def _held_loads(source: Source, made: Section) -> None:
    source.need("held_loads", "held_key", "stream", "row_count", "reason")
    held = source.rows("select held_key, stream, row_count, reason from held_loads order by stream, held_key")
    if not held:
        made.notes.append(Text("没有批次被拦下。", "No load is held."))
        return
    columns: Sequence[Column] = (
        (Text("数据流", "Stream"), "text"),
        (Text("行数", "Rows"), "number"),
        (Text("原因", "Why"), "text"),
        (Text("放行", "Let in"), "text"),
    )
    rows: list[Sequence[Cell]] = [
        (
            each["stream"],
            formats.count(each["row_count"]),
            each["reason"] or "",
            f"siyu gate release {each['held_key']}",
        )
        for each in held
    ]
    made.tables.append(Table(Text("被拦下的批次", "Held loads"), columns, rows))
    total = sum(each["row_count"] for each in held)
    made.alerts.append(
        Alert(
            Text(
                f"{len(held)} 个批次被闸门拦下，共 {formats.count(total)} 行",
                f"Loads held at the gate: {len(held)}, rows: {formats.count(total)}",
            ),
            urgent=True,
        )
    )


def _verdicts(source: Source, made: Section) -> None:
    source.need("gate_verdicts", "suite", "subject", "status", "reason", "row_count", "judged_at")
    found = source.rows(
        "select suite, subject, status, reason, row_count, judged_at from gate_verdicts order by suite, subject"
    )
    if not found:
        made.notes.append(Text("闸门还没有判过。", "The gates have judged nothing yet."))
        return
    passed = [each for each in found if each["status"] == "passed"]
    others = [each for each in found if each["status"] != "passed"]
    last = max(each["judged_at"] for each in found)
    made.notes.append(
        Text(
            f"{len(found)} 个对象判过，{len(passed)} 个通过；最近一次 {last:%Y-%m-%d %H:%M} UTC。"
            "没有变化的批次不重判。",
            f"{len(found)} subjects judged, {len(passed)} passed; last at {last:%Y-%m-%d %H:%M} UTC. "
            "What did not change is not judged again.",
        )
    )
    if others:
        made.tables.append(_verdict_table(Text("未通过的判定", "Verdicts other than passed"), others))
    made.tables.append(_verdict_table(Text("全部判定", "All verdicts"), found, folded=True))
    refused = [each for each in others if each["status"] in ("failed", "error")]
    segments = [each for each in refused if each["suite"].startswith("activation/")]
    if segments:
        made.alerts.append(
            Alert(
                Text(
                    f"{len(segments)} 份发送名单没有过闸，没有发出",
                    f"Payloads that did not pass the gate and were not sent: {len(segments)}",
                ),
                urgent=True,
            )
        )


def _verdict_table(title: Text, found: list[dict[str, Any]], *, folded: bool = False) -> Table:
    columns: Sequence[Column] = (
        (Text("判定", "Verdict"), "text"),
        (Text("对象", "Subject"), "text"),
        (Text("行数", "Rows"), "number"),
        (Text("说明", "Why"), "text"),
        (Text("时间 UTC", "At, UTC"), "text"),
    )
    rows: list[Sequence[Cell]] = [
        (
            _STATUS.get(each["status"], Text(each["status"], each["status"])),
            each["subject"],
            formats.count(each["row_count"]),
            each["reason"],
            f"{each['judged_at']:%m-%d %H:%M}",
        )
        for each in found
    ]
    return Table(title, columns, rows, folded=folded)


def _quarantined(source: Source, made: Section) -> None:
    source.need("quarantined_rows", "channel_code", "stream", "reason")
    found = source.rows(_REASONS, reasons=REASONS)
    if not found:
        made.notes.append(Text("没有隔离的行。", "No row is in quarantine."))
        return
    total, kinds = found[0]["total"], found[0]["kinds"]
    columns: Sequence[Column] = (
        (Text("数据流", "Stream"), "text"),
        (Text("行数", "Rows"), "number"),
        (Text("原因", "Why"), "text"),
    )
    rows: list[Sequence[Cell]] = [
        (f"{each['channel_code']}/{each['stream']}", formats.count(each["rows"]), each["reason"])
        for each in found
    ]
    note = Text(
        f"共 {formats.count(total)} 行，{formats.count(kinds)} 种原因；行本身留在湖里，不丢。",
        f"{formats.count(total)} rows in all, {formats.count(kinds)} reasons; the rows themselves stay in the lake.",
    )
    made.tables.append(Table(Text("隔离的行", "Quarantined rows"), columns, rows, note=note))
    made.alerts.append(
        Alert(Text(f"{formats.count(total)} 行在隔离区", f"Rows in quarantine: {formats.count(total)}"))
    )


_REASONS = """
select
    channel_code,
    stream,
    reason,
    count(*) as rows,
    cast(sum(count(*)) over () as bigint) as total,
    count(*) over () as kinds
from quarantined_rows
group by channel_code, stream, reason
order by count(*) desc, channel_code, stream, reason
limit $reasons
"""
