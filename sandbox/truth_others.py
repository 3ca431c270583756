"""What is true of the official account's followers, and of the mini-program's payments and Youzan trades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.desk import Desk
from sandbox.followers import make_followers
from sandbox.payments import make_payments
from sandbox.youzan_trades import make_trades, trade_payload

Payloads = Iterator[dict[str, Any]]


def followers(desk: Desk) -> Payloads:
    """Tell of everybody who follows now."""
    for follower in make_followers(desk.world):
        if follower.follows(desk.view.until):
            yield follower.payload()


def payments(desk: Desk) -> Payloads:
    """Tell of every payment as it is now."""
    until = desk.view.until
    for payment in make_payments(desk.world):
        if payment.paid_at < until:
            yield payment.payload(until)


def youzan_trades(desk: Desk) -> Payloads:
    """Tell of every trade as it is now; to be compared in a home with the settings of the Youzan shop."""
    until = desk.view.until
    for trade in make_trades(desk.world):
        if trade.created_at < until:
            yield trade_payload(trade, until)
