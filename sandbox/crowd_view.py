"""What the platform knows of the crowd at one moment, put beside what it knows of the core world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from sandbox.contacts import Relation
from sandbox.crowd import Crowd
from sandbox.crowd_groups import CrowdGroups
from sandbox.crowd_orders import CrowdOrders
from sandbox.dice import Numbers
from sandbox.groups import Group
from sandbox.lazily import MadeList, MadeMapping
from sandbox.shop import AfterSale, ShopOrder

Sales = tuple[ShopOrder, AfterSale]


class Index(Protocol):
    """Ids by time."""

    def between(self, start: int, end: int) -> list[tuple[int, str]]:
        """Return (unix second, id) with ``start <= second <= end``."""


class EmptyIndex:
    """Holds nothing."""

    def between(self, start: int, end: int) -> list[tuple[int, str]]:
        """Return an empty list."""
        return []


class CrowdIndex:
    """An index over columns: sorted seconds, the places that belong to them, and the ids of a place."""

    def __init__(self, seconds: Numbers, places: Numbers, ids: Callable[[int], list[str]]) -> None:
        order = np.argsort(seconds, kind="stable")
        self._seconds, self._places, self._ids = seconds[order], places[order], ids

    def between(self, start: int, end: int) -> list[tuple[int, str]]:
        """Return (unix second, id) with ``start <= second <= end``."""
        low = int(np.searchsorted(self._seconds, start, side="left"))
        high = int(np.searchsorted(self._seconds, end, side="right"))
        found = zip(self._seconds[low:high].tolist(), self._places[low:high].tolist(), strict=True)
        return [(second, each) for second, place in found for each in self._ids(place)]


class CrowdView:
    """The crowd cut at ``until``."""

    def __init__(self, crowd: Crowd, orders: CrowdOrders, groups: CrowdGroups, until: int) -> None:
        self._crowd, self._orders, self._groups, self._until = crowd, orders, groups, until
        self._living = crowd.living(until)
        self._created = orders.created(until)
        asked = orders.with_aftersale(until)
        places = np.arange(len(self._created), dtype=np.int32)
        self.orders_by_update = CrowdIndex(orders.updated(until), places, self._order_ids)
        self.orders_by_creation = CrowdIndex(self._created, places, self._order_ids)
        self.aftersales_by_creation = CrowdIndex(orders.asked_at(asked), asked, self._sale_ids)

    # -- contacts -----------------------------------------------------------------------------------------------

    def of_staff(self) -> dict[str, Sequence[Relation]]:
        """Return each staff member of the crowd with the relations there are now, by time."""
        keepers = self._crowd.keeper.ravel()[self._living]
        edges = np.searchsorted(keepers, np.arange(len(self._crowd.staff) + 1))
        return {
            staff.userid: MadeList(self._living[edges[number] : edges[number + 1]], self._relation)
            for number, staff in enumerate(self._crowd.staff)
        }

    def relations_beside(self, held: dict[tuple[str, str], Relation]) -> Mapping[tuple[str, str], Relation]:
        """Return the relations by (userid, external_userid)."""
        if not self._crowd.size:
            return held

        def find(pair: tuple[str, str]) -> Relation | None:
            return next((each for each in self._of(pair[1]) if each.userid == pair[0]), None)

        def keys() -> Iterator[tuple[str, str]]:
            for number in self._living.tolist():
                userid = self._crowd.staff[int(self._crowd.keeper[number // 2, number % 2])].userid
                yield userid, self._crowd.external_userid(number // 2)

        return MadeMapping(held, find, keys, len(self._living))

    def contacts_beside(self, held: dict[str, list[Relation]]) -> Mapping[str, list[Relation]]:
        """Return the relations of each contact by external_userid."""
        if not self._crowd.size:
            return held
        contacts = np.unique(self._living // 2)

        def keys() -> Iterator[str]:
            return (self._crowd.external_userid(index) for index in contacts.tolist())

        return MadeMapping(dict(held), lambda external: self._of(external) or None, keys, len(contacts))

    def _of(self, external_userid: str) -> list[Relation]:
        index = self._crowd.index_of(external_userid)
        if index is None:
            return []
        crowd, until = self._crowd, self._until
        return [
            self._relation(2 * index + slot)
            for slot in (0, 1)
            if crowd.keeper[index, slot] >= 0
            and crowd.added[index, slot] < until
            and not 0 < crowd.ended[index, slot] < until
        ]

    def _relation(self, number: int) -> Relation:
        return self._crowd.relation(number).at(self._until)

    # -- groups -------------------------------------------------------------------------------------------------

    def groups_beside(self, held: dict[str, Group]) -> Mapping[str, Group]:
        """Return the groups by chat_id."""
        groups = self._groups
        there = [place for place in range(groups.size) if groups.created_at(place) < self._until]
        return {**held, **{groups.chat_id(place): groups.group(place) for place in there}}

    # -- the shop -----------------------------------------------------------------------------------------------

    def _order_ids(self, place: int) -> list[str]:
        return [self._orders.order_id(place)]

    def _sale_ids(self, place: int) -> list[str]:
        return [sale.after_sale_id for sale in self._orders.order(place).aftersales]

    def orders_beside(self, held: dict[str, ShopOrder]) -> Mapping[str, ShopOrder]:
        """Return the orders by order_id."""
        orders, shown = self._orders, len(self._created)
        if not orders.size:
            return held

        def find(order_id: str) -> ShopOrder | None:
            place = orders.place_of(order_id)
            return orders.order(place) if place is not None and place < shown else None

        return MadeMapping(held, find, lambda: map(orders.order_id, range(shown)), shown)

    def aftersales_beside(self, held: dict[str, Sales]) -> Mapping[str, Sales]:
        """Return (order, after-sale) by after_sale_id."""
        orders = self._orders
        if not orders.size:
            return held
        places = orders.with_aftersale(self._until)

        def find(sale_id: str) -> Sales | None:
            place = orders.place_of_aftersale(sale_id)
            order = orders.order(place) if place is not None else None
            sales = order.aftersales if order else ()
            found = [(order, s) for s in sales if s.after_sale_id == sale_id and s.created_at < self._until]
            return found[0] if found and order else None  # type: ignore[return-value]

        def keys() -> Iterator[str]:
            return (sale_id for place in places.tolist() for sale_id in self._sale_ids(place))

        return MadeMapping(held, find, keys, len(places))

    def of_live_beside(self, held: dict[str, list[ShopOrder]]) -> Mapping[str, list[ShopOrder]]:
        """Return the orders made in each livestream, by export_id; made once, then kept."""
        orders = self._orders
        if not orders.size:
            return held
        lives = orders.lives()
        kept: dict[str, list[ShopOrder]] = {}

        def find(export_id: str) -> list[ShopOrder] | None:
            if export_id not in lives:
                return None
            if export_id not in kept:
                places = np.flatnonzero(orders.live[: len(self._created)] == lives[export_id])
                kept[export_id] = [*held.get(export_id, []), *map(orders.order, places.tolist())]
            return kept[export_id]

        return MadeMapping({}, find, lambda: iter(lives), len(lives))
