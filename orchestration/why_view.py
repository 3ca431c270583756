"""`siyu why identity` on the terminal. Phones show as the first digits of their keyed hash."""

from __future__ import annotations

import datetime as dt

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.why_identity import Explained, HoldingEdge

_SOURCES_ZH = {
    "wecom_contact": "企微客户",
    "member": "会员",
    "order": "订单",
    "aftersale": "售后",
    "coupon_use": "用券",
    "gift_receiver": "收礼人",
    "wecom_group_member": "群成员",
    "decision": "人工裁定",
}
_HASH_DIGITS = 8


def show(explained: Explained, console: Console, most: int) -> None:
    """Print the identifiers, the edges from the weakest on, and what joins nobody; at most ``most`` of each."""
    console.print(
        f"[bold]{explained.customer_id}[/] (客户 no. {explained.customer_no}): {len(explained.identifiers):,} "
        f"identifiers, {explained.edge_count:,} edges, {explained.bridge_count:,} of them the only hold"
    )
    _identifiers(explained, console, most)
    _edges(explained, console, most)
    _refused(explained, console, most)
    _stopped(explained, console, most)


def short(identifier_key: str) -> str:
    """Return a key for the terminal: the hash of a phone is cut to its first digits."""
    kind, _, value = identifier_key.partition(":")
    return f"{kind}:{value[:_HASH_DIGITS]}…" if kind == "phone_hmac" else identifier_key


def source_name(source_code: str) -> str:
    """Return a source with its Chinese name where it has one."""
    name = _SOURCES_ZH.get(source_code)
    return f"{source_code} ({name})" if name else source_code


def _identifiers(explained: Explained, console: Console, most: int) -> None:
    table = _table(
        f"Identifiers (标识), earliest first{_of(len(explained.identifiers), most)}",
        "key",
        "first loaded (首次载入)",
    )
    for each in explained.identifiers[:most]:
        table.add_row(escape(short(each.identifier_key)), _stamp(each.first_loaded_at))
    console.print(table)


def _edges(explained: Explained, console: Console, most: int) -> None:
    if not explained.edges:
        console.print("\nNo edge: she has one identifier, and nothing holds her together.")
        return
    table = _table(
        f"Edges (关联), weakest first{_of(explained.edge_count, most)}",
        "between",
        "and",
        "sources (来源)",
        "records (记录)",
        "first loaded",
        "last loaded",
        "without it (断开后)",
    )
    for edge in explained.edges[:most]:
        table.add_row(
            escape(short(edge.hub_key)),
            escape(short(edge.identifier_key)),
            ", ".join(source_name(each) for each in edge.sources),
            f"{edge.record_count:,}",
            _stamp(edge.first_loaded_at),
            _stamp(edge.last_loaded_at),
            escape(_without(edge)),
        )
    console.print(table)


def _without(edge: HoldingEdge) -> str:
    if not edge.apart_count:
        return "others hold (另有关联)"
    names = ", ".join(short(key) for key in edge.apart_keys)
    more = (
        f" and {edge.apart_count - len(edge.apart_keys):,} more"
        if edge.apart_count > len(edge.apart_keys)
        else ""
    )
    return f"{names}{more} would be {edge.apart_customer_id}"


def _refused(explained: Explained, console: Console, most: int) -> None:
    if not explained.refused:
        return
    title = f"Refused edges (被拒关联){_of(len(explained.refused), most)}"
    table = _table(title, "hers", "other", "customer (客户)", "reason", "records")
    for each in explained.refused[:most]:
        table.add_row(
            escape(short(each.identifier_key)),
            escape(short(each.other_identifier_key)),
            each.other_customer_id,
            f"{escape(each.reason)}; {source_name(each.source_code)}",
            f"{each.record_count:,}",
        )
    console.print(table)


def _stopped(explained: Explained, console: Console, most: int) -> None:
    if not explained.stopped:
        return
    table = _table(
        f"Values that join nobody (不参与合并){_of(len(explained.stopped), most)}",
        "key",
        "reason",
        "records of hers",
    )
    for each in explained.stopped[:most]:
        table.add_row(escape(short(each.identifier_key)), escape(each.reason), f"{each.record_count:,}")
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name.startswith("records") else "left")
    return table


def _of(rows: int, most: int) -> str:
    return f", {most:,} of {rows:,}" if rows > most else ""


def _stamp(instant: dt.datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
