"""`siyu why identity` on the terminal. Phones show as the first digits of their keyed hash."""

from __future__ import annotations

import datetime as dt

from rich.console import Console

from orchestration.why_identity import Explained, HoldingEdge

_SOURCES_ZH = {
    "wecom_contact": "企微客户",
    "member": "会员",
    "order": "订单",
    "aftersale": "售后",
    "coupon_use": "用券",
    "points_change": "积分变动",
    "gift_receiver": "收礼人",
    "wecom_group_member": "群成员",
    "decision": "人工裁定",
    "store_member": "门店会员",
    "official_follower": "公众号粉丝",
    "personal_contact": "个人微信好友",
    "lead": "留资",
}
_MOVES_ZH = {"merge": "merge (合并)", "unmerge": "unmerge (拆分)", "reassigned": "reassigned (改归属)"}
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
    _moved(explained, console, most)


def short(identifier_key: str) -> str:
    """Return a key for the terminal: the hash of a phone is cut to its first digits."""
    kind, _, value = identifier_key.partition(":")
    return f"{kind}:{value[:_HASH_DIGITS]}…" if kind == "phone_hmac" else identifier_key


def source_name(source_code: str) -> str:
    """Return a source with its Chinese name where it has one."""
    name = _SOURCES_ZH.get(source_code)
    return f"{source_code} ({name})" if name else source_code


def _identifiers(explained: Explained, console: Console, most: int) -> None:
    _title(console, "Identifiers (标识), earliest first", len(explained.identifiers), most)
    for each in explained.identifiers[:most]:
        _line(console, f"  {short(each.identifier_key)}, first loaded {_stamp(each.first_loaded_at)}")


def _edges(explained: Explained, console: Console, most: int) -> None:
    if not explained.edges:
        _line(console, "\nNo edge (无关联): she has one identifier, and nothing holds her together.")
        return
    _title(console, "Edges (关联), weakest first", explained.edge_count, most)
    for number, edge in enumerate(explained.edges[:most], start=1):
        sources = ", ".join(source_name(each) for each in edge.sources)
        _line(console, f"{number:3}. {short(edge.hub_key)} and {short(edge.identifier_key)}")
        _line(console, f"     {_records(edge.record_count)} of {sources}, loaded {_span(edge)}")
        _line(console, f"     without it (断开后): {without(edge)}")


def without(edge: HoldingEdge) -> str:
    """Say who she would be without an edge."""
    if not edge.apart_count:
        return "others hold (另有关联)"
    names = ", ".join(short(key) for key in edge.apart_keys)
    rest = edge.apart_count - len(edge.apart_keys)
    return f"{names}{f' and {rest:,} more' if rest else ''} would be {edge.apart_customer_id}"


def _refused(explained: Explained, console: Console, most: int) -> None:
    if not explained.refused:
        return
    _title(console, "Refused edges (被拒关联)", len(explained.refused), most)
    for each in explained.refused[:most]:
        pair = (
            f"{short(each.identifier_key)} and {short(each.other_identifier_key)} of {each.other_customer_id}"
        )
        source = source_name(each.source_code)
        _line(console, f"  {pair}: {each.reason}; {_records(each.record_count)}, best source {source}")


def _stopped(explained: Explained, console: Console, most: int) -> None:
    if not explained.stopped:
        return
    _title(console, "Values that join nobody (不参与合并)", len(explained.stopped), most)
    for each in explained.stopped[:most]:
        _line(
            console,
            f"  {short(each.identifier_key)}: {each.reason}; in {_records(each.record_count)} of hers",
        )


def _moved(explained: Explained, console: Console, most: int) -> None:
    if not explained.moved:
        return
    _title(console, "Moves (合并拆分), newest first", len(explained.moved), most)
    for each in explained.moved[:most]:
        keys = ", ".join(short(key) for key in each.identifier_keys)
        rest = each.identifier_count - len(each.identifier_keys)
        ways = f"from {each.from_customer_id} to {each.to_customer_id}"
        more = f" and {rest:,} more" if rest else ""
        _line(console, f"  {each.moved_date} {_MOVES_ZH[each.move_kind]}: {keys}{more} {ways}")


def _title(console: Console, text: str, rows: int, most: int) -> None:
    console.print(f"\n[italic]{text}{f', {most:,} of {rows:,}' if rows > most else ''}[/]")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)


def _records(count: int) -> str:
    return f"{count:,} record{'s' if count != 1 else ''} (记录)"


def _span(edge: HoldingEdge) -> str:
    first, last = edge.first_loaded_at, edge.last_loaded_at
    return _stamp(first) if first == last else f"{_stamp(first)} to {_stamp(last)}"


def _stamp(instant: dt.datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
