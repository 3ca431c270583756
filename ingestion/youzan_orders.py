"""Youzan trades of the lake become mini-program orders and order lines; the only place that knows their mapping.

Trades that were never paid are left out. What a trade does not tell is NULL: a part refunded says that money went
back, not how much.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.money import MoneyError, fen_to_fen, yuan_to_fen
from common.pii import phone_hmac, pii_key
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect
from ingestion.channels.youzan import ZONE
from ingestion.convert import RowError, to_id, to_instant, to_text
from ingestion.parts import new_folders
from ingestion.versions import QUARANTINE, Settled, Staging

TRADES, ORDERS, LINES = (
    STREAMS[f"miniprogram/{name}"] for name in ("youzan_trades", "orders", "order_lines")
)
BUYER_SOURCE = "youzan"
SOURCE = "youzan:trades"
_STATUS = {
    "TRADE_PAID": "paid",
    "WAIT_CONFIRM": "paid",
    "WAIT_SELLER_SEND_GOODS": "paid",
    "WAIT_BUYER_CONFIRM_GOODS": "paid",
    "TRADE_SUCCESS": "completed",
    "TRADE_CLOSED": "cancelled",
}
_PARTLY_REFUNDED, _REFUNDED = 2, 12
_BATCH = 1000
_MOST_FEN = 10_000_000_000


@dataclass(frozen=True)
class _Trade:
    """A trade as contract rows (dicts by column); ``never_paid`` ones have none."""

    order: dict[str, Any]
    lines: list[dict[str, Any]]
    never_paid: bool = False


def arrive(settings: Settings, lake: Lake) -> list[Arrival]:
    """Turn the trades that came since the last time into arrivals of orders and order lines.

    Amounts are fen, stamps naive UTC. A change of ``youzan_amount_unit`` turns all trades again. An order that is
    in the lake in the same state is skipped.
    """
    after = _done(settings, lake)
    newest = max((load.load_id or "" for load in lake.loads(TRADES)), default="")
    if newest <= after:
        return []
    with new_folders(lake, ORDERS, LINES, QUARANTINE, QUARANTINE) as (
        orders_dir,
        lines_dir,
        bad_dir,
        scratch,
    ):
        orders = Staging(orders_dir / "staged.parquet", ORDERS)
        lines = Staging(lines_dir / "staged.parquet", LINES)
        never_paid = _stage(settings, lake, after, orders, lines)
        counts = orders.settle(orders_dir, bad_dir, lake)
        line_counts = lines.settle(lines_dir, scratch, lake)
        shutil.rmtree(scratch)  # a trade is refused whole, so its lines are never refused by themselves
        details = {
            "trades_up_to": newest,
            "amount_unit": settings.youzan_amount_unit,
            "never_paid": never_paid,
        }
        report = _report(ORDERS.key, counts, details, left_out=never_paid)
        landed = [(ORDERS, orders_dir, report), (LINES, lines_dir, _report(LINES.key, line_counts, details))]
        about = LoadReport(QUARANTINE.key, SOURCE, counts.refused, details={"of": ORDERS.key})
        arrivals = [_declare(lake, stream, folder, each) for stream, folder, each in landed]
        arrivals.append(_declare(lake, QUARANTINE, bad_dir, about))
    return [arrival for arrival in arrivals if arrival is not None]


def _declare(lake: Lake, stream: Any, folder: Path, report: LoadReport) -> Arrival | None:
    if report.rows - report.quarantined - report.skipped > 0:
        return lake.arrive(stream, folder, report)
    shutil.rmtree(folder)
    return None


def _report(key: str, counts: Settled, details: dict[str, Any], *, left_out: int = 0) -> LoadReport:
    skipped = counts.skipped + left_out
    return LoadReport(
        key, SOURCE, counts.received + left_out, counts.quarantined, skipped=skipped, details=details
    )


def _done(settings: Settings, lake: Lake) -> str:
    """Return the last trades load that was turned into orders, in the unit of now."""
    ours = [load for load in lake.loads(ORDERS) if load.source == SOURCE]
    if not ours or ours[-1].details.get("amount_unit") != settings.youzan_amount_unit:
        return ""
    return str(ours[-1].details["trades_up_to"])


def _stage(settings: Settings, lake: Lake, after: str, orders: Staging, lines: Staging) -> int:
    key, never_paid = pii_key(settings), 0
    nothing = (None,) * len(ORDERS.columns.names)
    for number, payload in enumerate(_payloads(lake, after), start=1):
        try:
            trade = read_trade(json.loads(payload, parse_float=Decimal), settings.youzan_amount_unit, key)
        except RowError as error:
            refusal = (ORDERS.channel, ORDERS.name, SOURCE, number, str(error), payload)
            orders.add(nothing, refusal)
            continue
        if trade.never_paid:
            never_paid += 1
            continue
        origin = {"source": SOURCE, "source_line": number, "buyer_source": BUYER_SOURCE}
        orders.add(tuple({**trade.order, **origin}.get(name) for name in ORDERS.columns.names), None)
        for line in trade.lines:
            values = tuple({**line, **origin}.get(name) for name in LINES.columns.names)
            lines.add(values, None, set_key=trade.order["order_id"])
    return never_paid


def _payloads(lake: Lake, after: str) -> Iterator[str]:
    with connect() as db:
        found = db.execute(_PAYLOADS_SQL, [lake.glob(TRADES), after])
        while rows := found.fetchmany(_BATCH):
            yield from (row[0] for row in rows)


def read_trade(trade: dict[str, Any], unit: str, key: bytes) -> _Trade:
    """Return a trade (parsed with Decimal) as contract rows.

    Raises:
        RowError: a part is missing, no number or no date, or its amounts cannot be in this unit.
    """
    info, pay, buyer = (_object(trade, name) for name in ("order_info", "pay_info", "buyer_info"))
    order_id = _needed("order_info.tid", to_id(info.get("tid")))
    paid_at = to_instant(info.get("pay_time") or None, ZONE)
    items = [each for each in trade.get("orders") or [] if isinstance(each, dict)]
    if paid_at is None:
        return _Trade({"order_id": order_id}, [], never_paid=True)
    check_unit(unit, pay, items)
    amount = _fen("pay_info.payment", pay.get("payment"), unit)
    lines = [_line(order_id, number, item, unit) for number, item in enumerate(items, start=1)]
    _check_sum(amount, sum(line["amount_fen"] for line in lines))
    refund_state = int(_number("order_info.refund_state", info.get("refund_state") or 0))
    status = to_text(info.get("status"))
    phone = to_text(buyer.get("buyer_phone"))
    order = {
        "order_id": order_id,
        "buyer_id": _buyer_id(buyer),
        "paid_at": paid_at,
        "amount_fen": amount,
        "refunded_fen": _refunded(trade, refund_state, amount, unit),
        "item_count": sum(line["quantity"] for line in lines),
        # A status that is not known stays as it is: the gate warns of it.
        "status": "refunded" if refund_state == _REFUNDED else _STATUS.get(status or "", status),
        "phone": phone,
        "phone_hmac": phone_hmac(phone, key),
    }
    return _Trade(order, lines)


def check_unit(unit: str, pay: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Refuse amounts that cannot be in this unit: fen have no decimals, and yuan are written with them.

    Raises:
        RowError: the amounts look like the other unit.
    """
    found = [pay.get(name) for name in ("payment", "total_fee", "post_fee")]
    found += [item.get(name) for item in items for name in ("payment", "total_fee", "price")]
    texts = [str(value) for value in found if value not in (None, "")]
    decimals = [text for text in texts if "." in text]
    if unit == "fen" and decimals:
        raise RowError(
            f"amounts: expected fen without decimals, got {decimals[0]}; "
            "if they are yuan, set SIYU_YOUZAN_AMOUNT_UNIT=yuan"
        )
    if unit == "yuan" and texts and not decimals and any(text.strip("-0") for text in texts):
        raise RowError(
            f"amounts: expected yuan with decimals such as 99.00, got {texts[0]}, which may be fen; compare one "
            "trade with the back office and set SIYU_YOUZAN_AMOUNT_UNIT to fen or yuan_or_whole"
        )


def _check_sum(amount: int, of_lines: int) -> None:
    if not 0 <= amount < _MOST_FEN:
        raise RowError(f"pay_info.payment: expected 0 to 100 million yuan, got {amount} fen")
    if amount and of_lines and (amount == 100 * of_lines or of_lines == 100 * amount):
        raise RowError(
            f"amounts: the trade has {amount} fen, its lines {of_lines}: one of them is in another unit"
        )


def _line(order_id: str, number: int, item: dict[str, Any], unit: str) -> dict[str, Any]:
    names = ("outer_sku_id", "sku_id", "outer_item_id", "item_id", "oid")
    codes = (to_id(item.get(name) or None) for name in names)
    paid = item.get("payment") if item.get("payment") not in (None, "") else item.get("total_fee")
    return {
        "order_id": order_id,
        "line_no": number,
        "sku_id": _needed("orders.sku_id", next((code for code in codes if code), None)),
        "product_name": to_text(item.get("title")),
        "quantity": int(_number("orders.num", item.get("num"))),
        "amount_fen": _fen("orders.payment", paid, unit),
    }


def _buyer_id(buyer: dict[str, Any]) -> str:
    """Return who bought. Ids of different kinds are told apart, or two strangers could share a number."""
    open_id = to_id(buyer.get("yz_open_id") or None)
    if open_id:
        return open_id
    for name in ("buyer_id", "fans_id"):
        if number := to_id(buyer.get(name) or None):
            return f"{name}:{number}"
    raise RowError("buyer_info: expected yz_open_id, buyer_id or fans_id, got none")


def _refunded(trade: dict[str, Any], state: int, amount: int, unit: str) -> int | None:
    if state == _REFUNDED:
        return amount
    if state != _PARTLY_REFUNDED:
        return 0
    refunds = trade.get("refund_order")
    if not isinstance(refunds, list) or not refunds:
        return None
    return sum(_fen("refund_order.refund_fee", each.get("refund_fee"), unit) for each in refunds)


def _object(trade: dict[str, Any], name: str) -> dict[str, Any]:
    found = trade.get(name)
    if not isinstance(found, dict):
        raise RowError(f"{name}: expected an object, got {type(found).__name__}")
    return found


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise RowError(f"{name}: expected a value, got none")
    return value


def _number(name: str, value: Any) -> int:
    try:
        return fen_to_fen(value if isinstance(value, int | Decimal) else str(value))
    except MoneyError as error:
        raise RowError(f"{name}: expected a whole number, got {value!r}") from error


def _fen(name: str, value: Any, unit: str) -> int:
    try:
        exact = value if isinstance(value, int | Decimal) else str(value)
        return fen_to_fen(exact) if unit == "fen" else yuan_to_fen(exact)
    except MoneyError as error:
        raise RowError(f"{name}: {error}") from error


_PAYLOADS_SQL = """
select payload
from read_parquet($1, hive_partitioning = true, hive_types = {'load_id': varchar})
where load_id > $2
qualify row_number() over (partition by record_key order by load_id desc) = 1 and op = 'upsert'
order by record_key
"""
