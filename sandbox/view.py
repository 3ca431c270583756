"""What the platform knows at one moment: the world cut at ``until``, indexed for quick answers."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from sandbox.calendar import YEAR_END, end_of
from sandbox.contacts import STAFF, Relation, strategy_tag
from sandbox.groups import Group
from sandbox.lives import Live
from sandbox.shop import AfterSale, ShopOrder
from sandbox.shop_payloads import updated_at
from sandbox.world import World

# The platform buckets livestreams by its own natural day, whatever the brand's time zone is.
_PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")


class TimeIndex:
    """Ids sorted by (unix second, id), sliced by closed time ranges."""

    def __init__(self, entries: Iterable[tuple[int, str]]) -> None:
        self._entries = sorted(entries)

    def between(self, start: int, end: int) -> list[str]:
        """Return the ids with ``start <= second <= end``."""
        low = bisect_left(self._entries, (start, ""))
        high = bisect_right(self._entries, (end, chr(0x10FFFF)))
        return [key for _, key in self._entries[low:high]]


class View:
    """The world as seen at the end of ``day`` (New York); None shows the whole year."""

    def __init__(self, world: World, day: dt.date | None = None) -> None:
        self.world = world
        self.day = day
        self.until = YEAR_END if day is None else end_of(day)
        self.unionids_bound = self.until > end_of(world.known_day - dt.timedelta(days=1))
        self.staff = [member.userid for member in STAFF]
        self.strategy_tag = strategy_tag(world.options.seed)
        self._index_relations()
        self._index_groups_and_lives()
        self._index_shop()

    def _index_relations(self) -> None:
        self.relation: dict[tuple[str, str], Relation] = {}
        self.of_staff: dict[str, list[Relation]] = {userid: [] for userid in self.staff}
        self.of_contact: dict[str, list[Relation]] = defaultdict(list)
        for relation in sorted(self.world.relations, key=lambda r: (r.created_at, r.person.person_no)):
            over = relation.ended_at is not None and relation.ended_at < self.until
            if relation.created_at >= self.until or over:
                continue
            external = relation.person.external_userid
            self.relation[relation.userid, external] = relation
            self.of_staff[relation.userid].append(relation)
            self.of_contact[external].append(relation)

    def _index_groups_and_lives(self) -> None:
        self.groups: dict[str, Group] = {
            group.chat_id: group for group in self.world.groups if group.created_at < self.until
        }
        self.lives: dict[str, Live] = {
            live.export_id: live for live in self.world.lives if live.started_at < self.until
        }
        self.lives_of_day: dict[int, list[Live]] = defaultdict(list)
        for live in self.lives.values():
            day = dt.datetime.fromtimestamp(live.started_at, _PLATFORM_ZONE)
            self.lives_of_day[int(day.strftime("%Y%m%d"))].append(live)

    def _index_shop(self) -> None:
        shown = [order for order in self.world.orders if order.created_at < self.until]
        self.orders: dict[str, ShopOrder] = {order.order_id: order for order in shown}
        self.orders_by_update = TimeIndex((updated_at(order, self.until), order.order_id) for order in shown)
        self.orders_by_creation = TimeIndex((order.created_at, order.order_id) for order in shown)
        self.orders_of_live: dict[str, list[ShopOrder]] = defaultdict(list)
        self.aftersales: dict[str, tuple[ShopOrder, AfterSale]] = {}
        for order in shown:
            if order.live:
                self.orders_of_live[order.live.export_id].append(order)
            for sale in order.aftersales:
                if sale.created_at < self.until:
                    self.aftersales[sale.after_sale_id] = (order, sale)
        self.aftersales_by_creation = TimeIndex(
            (sale.created_at, sale_id) for sale_id, (_, sale) in self.aftersales.items()
        )
