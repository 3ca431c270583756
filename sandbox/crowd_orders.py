"""Shop orders of the crowd: columns of times, and from them an order as a whole when somebody asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np

from sandbox.calendar import YEAR_START
from sandbox.crowd import Crowd, waking
from sandbox.dice import Dice, Numbers
from sandbox.lives import Live
from sandbox.shop import (
    CREATED,
    DONE,
    FIRST_ORDER_ID,
    ORDER_ID_STRIDE,
    PAID,
    REFUNDED,
    SHIPPED,
    UNPAID_CANCELLED,
    AfterSale,
    Line,
    ShopOrder,
    aftersale_number,
    full_refund,
    make_line,
    partial_refund,
)

# Numbers of the core world's orders stay far below.
FIRST_NUMBER = 50_000_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNPAID, _FULL, _DONE, _PARTIAL = range(4)
_FATE_WEIGHTS = (6, 3, 86, 5)
# Columns of ``times``; 0 where an order never comes to that.
_CREATED, _PAID, _SHIPPED, _RECEIVED, _ASKED, _SETTLED = range(6)


class CrowdOrders:
    """About one order a person of the crowd, oldest first. An order is named by its place in that line."""

    def __init__(self, crowd: Crowd, lives: Sequence[Live]) -> None:
        self._crowd, self._lives, self._seed = crowd, lives, crowd.seed
        self.size = crowd.size
        dice = Dice(crowd.seed, "crowd orders", self.size)
        shops = ~crowd.is_contact | (Dice(crowd.seed, "crowd", crowd.size).shares("shops") < 0.35)
        shoppers = np.flatnonzero(shops).astype(np.int32)
        # Those who are no contacts all buy: otherwise nobody would know of them. A few buy much more than others.
        eager = (dice.shares("buyer") ** 1.5 * max(1, len(shoppers))).astype(np.int64)
        places = np.where(np.arange(self.size) < len(shoppers), np.arange(self.size), eager)
        buyer = shoppers[places] if len(shoppers) else np.zeros(0, np.int32)
        in_live = dice.shares("in live") < 0.45
        live = dice.below("live", max(1, len(lives))).astype(np.int16)
        started = np.array([each.started_at for each in lives] or [0], dtype=np.int64)[live]
        lasted = np.array([each.duration for each in lives] or [1], dtype=np.int64)[live]
        during = started + (dice.shares("at") * lasted).astype(np.int64)
        created = np.where(in_live, during, waking(dice, "created", np.full(self.size, YEAR_START, np.int64)))
        by_time = np.argsort(created, kind="stable")
        self._buyer = buyer[by_time]
        self.live = np.where(in_live, live, -1).astype(np.int16)[by_time]
        self._fate = dice.choices("fate", _FATE_WEIGHTS)
        self.times = self._times(dice, created[by_time])

    def _times(self, dice: Dice, created: Numbers) -> Numbers:
        fate = self._fate
        paid = created + 15 + dice.below("paid", 5 * _MINUTE)
        shipped = paid + 6 * _HOUR + dice.below("shipped", 42 * _HOUR)
        received = shipped + 3 * _DAY + dice.below("received", 9 * _DAY)
        early = paid + _HOUR + dice.below("asked", 19 * _HOUR)
        late = received + 2 * _HOUR + dice.below("asked", 5 * _DAY)
        asked = np.where(fate == _FULL, early, late)
        settled = (
            asked
            + _HOUR
            + np.where(fate == _FULL, dice.below("settled", 9 * _HOUR), dice.below("settled", 4 * _DAY))
        )
        settled = np.where(fate == _UNPAID, created + 30 * _MINUTE, settled)
        goods = (fate == _DONE) | (fate == _PARTIAL)
        refund = (fate == _FULL) | (fate == _PARTIAL)
        columns = [
            created,
            np.where(fate == _UNPAID, 0, paid),
            np.where(goods, shipped, 0),
            np.where(goods, received, 0),
            np.where(refund, asked, 0),
            np.where(refund | (fate == _UNPAID), settled, 0),
        ]
        return np.stack(columns, axis=1).astype(np.int32)

    def created(self, until: int) -> Numbers:
        """Return the creation times of the orders made before ``until``, in order."""
        column = self.times[:, _CREATED]
        return column[: int(np.searchsorted(column, until))]

    def updated(self, until: int) -> Numbers:
        """Return when each order made before ``until`` last changed before it."""
        made = self.times[: len(self.created(until))]
        return np.where(made < until, made, 0).max(axis=1) if len(made) else made[:, 0]

    def with_aftersale(self, until: int) -> Numbers:
        """Return the places of the orders whose after-sale was asked for before ``until``, by that time."""
        asked = self.times[:, _ASKED]
        places = np.flatnonzero((asked > 0) & (asked < until))
        return places[np.argsort(asked[places], kind="stable")]

    def asked_at(self, places: Numbers) -> Numbers:
        """Return when the after-sales of these orders were asked for."""
        return self.times[places, _ASKED]

    def lives(self) -> dict[str, int]:
        """Return the number that ``live`` has for each export_id."""
        return {live.export_id: number for number, live in enumerate(self._lives)}

    @staticmethod
    def order_id(place: int) -> str:
        """Return the id of the order at a place."""
        return str(FIRST_ORDER_ID + (FIRST_NUMBER + place) * ORDER_ID_STRIDE)

    def place_of(self, order_id: str) -> int | None:
        """Return the place of an order id, None when it is no order of the crowd."""
        if not order_id.isdecimal():
            return None
        number, rest = divmod(int(order_id) - FIRST_ORDER_ID, ORDER_ID_STRIDE)
        place = number - FIRST_NUMBER
        return place if not rest and 0 <= place < self.size else None

    def place_of_aftersale(self, after_sale_id: str) -> int | None:
        """Return the place of the order of an after-sale id, None when it is none of the crowd's."""
        if not after_sale_id.isdecimal():
            return None
        place = aftersale_number(after_sale_id) - FIRST_NUMBER
        return place if 0 <= place < self.size else None

    def order(self, place: int) -> ShopOrder:
        """Return the order at a place."""
        random = Random(f"{self._seed}:crowd order:{place}")
        lines = tuple(make_line(random) for _ in range(random.choices((1, 2, 3), (70, 22, 8))[0]))
        payer = self._crowd.person(int(self._buyer[place]))
        gift = random.random() < 0.03
        receiver = self._crowd.person(int(random.choice(self._buyer))) if gift else payer
        live = int(self.live[place])
        return ShopOrder(
            order_id=self.order_id(place),
            person=receiver,
            giver=payer if receiver is not payer else None,
            shows_unionid=random.random() < 0.9,
            live=self._lives[live] if live >= 0 else None,
            from_wecom=live < 0 and random.random() < 0.15,
            lines=lines,
            freight_fen=0 if random.random() < 0.8 else 600,
            steps=self._steps(place),
            aftersales=self._aftersales(random, place, lines),
        )

    def _steps(self, place: int) -> tuple[tuple[int, int], ...]:
        created, paid, shipped, received, _, settled = self.times[place].tolist()
        fate = int(self._fate[place])
        if fate == _UNPAID:
            return (created, CREATED), (settled, UNPAID_CANCELLED)
        if fate == _FULL:
            return (created, CREATED), (paid, PAID), (settled, REFUNDED)
        return (created, CREATED), (paid, PAID), (shipped, SHIPPED), (received, DONE)

    def _aftersales(self, random: Random, place: int, lines: tuple[Line, ...]) -> tuple[AfterSale, ...]:
        _, _, _, received, asked, settled = self.times[place].tolist()
        number, fate = FIRST_NUMBER + place, int(self._fate[place])
        if fate == _FULL:
            return tuple(full_refund(number, lines, asked, settled))
        if fate == _PARTIAL:
            return (
                replace(
                    partial_refund(random, number, lines, received), created_at=asked, settled_at=settled
                ),
            )
        return ()
