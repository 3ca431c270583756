"""Trades (订单) of the made brand's Youzan shop (有赞): facts with their times, and how Youzan writes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.calendar import waking_moment
from sandbox.people import SandboxPerson, opaque
from sandbox.words import PRODUCTS
from sandbox.world import World

CREATED, PAID, SHIPPED, DONE, CLOSED = (
    "WAIT_BUYER_PAY", "WAIT_SELLER_SEND_GOODS", "WAIT_BUYER_CONFIRM_GOODS", "TRADE_SUCCESS", "TRADE_CLOSED",
)  # fmt: skip
_WORDS = {CREATED: "待付款", PAID: "待发货", SHIPPED: "已发货", DONE: "交易成功", CLOSED: "交易关闭"}
_ZONE = ZoneInfo("Asia/Shanghai")
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class TradeLine:
    """One article of a trade; ``paid_fen`` is what was paid for all pieces of it."""

    product_no: int
    count: int
    price_fen: int
    paid_fen: int


@dataclass(frozen=True)
class Trade:
    """One trade; ``steps`` are (unix second, status, refund state) from creation on."""

    tid: str
    person: SandboxPerson
    lines: tuple[TradeLine, ...]
    post_fen: int
    steps: tuple[tuple[int, str, int], ...]

    @property
    def created_at(self) -> int:
        return self.steps[0][0]

    @property
    def paid_fen(self) -> int:
        return sum(line.paid_fen for line in self.lines)

    def reached(self, until: int) -> tuple[tuple[int, str, int], ...]:
        """Return the steps before a moment."""
        return tuple(step for step in self.steps if step[0] < until)


def make_trades(world: World) -> list[Trade]:
    """Return the trades of the year, oldest first: about one for every third person."""
    random = Random(f"{world.options.seed}:youzan")
    buyers = random.choices(world.people, k=len(world.people) // 3) if world.people else []
    starts = sorted((waking_moment(random), person.person_no, person) for person in buyers)
    return [_trade(random, number, at, person) for number, (at, _, person) in enumerate(starts)]


def _trade(random: Random, number: int, created: int, person: SandboxPerson) -> Trade:
    lines = tuple(_line(random) for _ in range(random.choices((1, 2, 3), (70, 22, 8))[0]))
    paid = created + random.randrange(15, 300)
    shipped, done = paid + random.randrange(_HOUR, 2 * _DAY), paid + random.randrange(3 * _DAY, 12 * _DAY)
    usual = [(created, CREATED, 0), (paid, PAID, 0), (shipped, SHIPPED, 0), (done, DONE, 0)]
    fate = random.choices(("done", "partial", "full", "unpaid"), (86, 5, 3, 6))[0]
    if fate == "unpaid":
        steps = [(created, CREATED, 0), (created + 1800, CLOSED, 0)]
    elif fate == "full":
        steps = [*usual[:2], (paid + random.randrange(_HOUR, _DAY), CLOSED, 12)]
    elif fate == "partial":
        steps = [*usual, (done + random.randrange(_HOUR, 3 * _DAY), DONE, 2)]
    else:
        steps = usual
    stamp = dt.datetime.fromtimestamp(created, _ZONE).strftime("E%Y%m%d%H%M%S")
    return Trade(f"{stamp}{number:07d}", person, lines, 0 if random.random() < 0.8 else 600, tuple(steps))


def _line(random: Random) -> TradeLine:
    product_no = random.randrange(len(PRODUCTS))
    price, count = PRODUCTS[product_no].price_fen, random.choices((1, 2, 3), (75, 18, 7))[0]
    return TradeLine(product_no, count, price, price * count - random.choice((0, 0, 0, 500)))


def trade_payload(trade: Trade, until: int) -> dict[str, Any]:
    """Return the trade as Youzan shows it at a moment: yuan as text, Beijing time, phones masked."""
    steps = trade.reached(until)
    status, refund_state = steps[-1][1:]
    at = {step[1]: step[0] for step in reversed(steps)}
    person, phone = trade.person, f"{trade.person.phone[:3]}****{trade.person.phone[-4:]}"
    return {
        "order_info": {
            "tid": trade.tid,
            "status": status,
            "status_str": _WORDS[status],
            "type": 0,
            "created": _text(trade.created_at),
            "update_time": _text(steps[-1][0]),
            "pay_time": _text(at.get(PAID)),
            "consign_time": _text(at.get(SHIPPED)),
            "success_time": _text(at.get(DONE)),
            "close_type": 0,
            "refund_state": refund_state,
            "order_tags": {"is_member": True, "is_payed": PAID in at},
        },
        "source_info": {
            "is_offline_order": False,
            "order_mark": "wx_apps",
            "source": {"platform": "wx", "wx_entrance": "merchant_xcx"},
        },
        "buyer_info": {
            "yz_open_id": opaque(24, "youzan", person.person_no),
            "buyer_id": 100_000_000 + person.person_no,
            # Some shops have the right to see phones.
            "buyer_phone": person.phone if person.person_no % 2 else phone,
            "fans_type": 1,
            "fans_id": 900_000_000 + person.person_no,
            "fans_nickname": person.nickname,
            "outer_user_id": "",
        },
        "pay_info": {
            "total_fee": _yuan(sum(line.price_fen * line.count for line in trade.lines)),
            "post_fee": _yuan(trade.post_fen),
            "payment": _yuan(trade.paid_fen),
            "transaction": [],
            "outer_transactions": [f"42000{trade.tid[1:]}"] if PAID in at else [],
        },
        "address_info": {"receiver_name": f"{person.name[0]}**", "receiver_tel": phone},
        "orders": [_line_payload(trade, number, line) for number, line in enumerate(trade.lines)],
    }


def _line_payload(trade: Trade, number: int, line: TradeLine) -> dict[str, Any]:
    paid = _yuan(line.paid_fen)
    return {
        "oid": f"{trade.tid[-7:]}{number}",
        "item_id": 990_000 + line.product_no,
        "sku_id": 880_000 + line.product_no,
        "outer_sku_id": f"SKU-{line.product_no:04d}",
        "title": PRODUCTS[line.product_no].title,
        "num": line.count,
        "price": _yuan(line.price_fen),
        "total_fee": paid,
        "payment": paid,
        "is_present": False,
        "item_type": 0,
    }


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _text(second: int | None) -> str:
    return "" if second is None else dt.datetime.fromtimestamp(second, _ZONE).strftime("%Y-%m-%d %H:%M:%S")
