"""What the platform knows at one moment: the world cut at ``until``, indexed for quick answers."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from sandbox.calendar import YEAR_END, end_of
from sandbox.contacts import STAFF, Relation, strategy_tag
from sandbox.crowd_view import CrowdView, EmptyIndex, Index
from sandbox.groups import Group
from sandbox.lives import Live
from sandbox.shop import AfterSale, ShopOrder
from sandbox.shop_payloads import updated_at
from sandbox.world import World

# The platform buckets livestreams by its own natural day, whatever the brand's time zone is.
_PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")


class TimeIndex:
    """Ids sorted by (unix second, id), sliced by closed time ranges; ``beside`` is another index to merge with."""

    def __init__(self, entries: Iterable[tuple[int, str]], beside: Index | None = None) -> None:
        self._entries = sorted(entries)
        self._beside = beside or EmptyIndex()

    def between(self, start: int, end: int) -> list[str]:
        """Return the ids with ``start <= second <= end``."""
        low = bisect_left(self._entries, (start, ""))
        high = bisect_right(self._entries, (end, chr(0x10FFFF)))
        mine, others = self._entries[low:high], self._beside.between(start, end)
        return [key for _, key in (sorted([*mine, *others]) if others else mine)]


class View:
    """The world as seen at the end of ``day`` (New York); None shows the whole year.

    The mappings hold the core world; a crowd's people stand behind them and are made when they are looked up, so
    iterating over a mapping of a large world takes long.
    """

    def __init__(self, world: World, day: dt.date | None = None) -> None:
        self.world = world
        self.day = day
        self.until = YEAR_END if day is None else end_of(day)
        self.unionids_bound = self.until > end_of(world.known_day - dt.timedelta(days=1))
        self.crowd = CrowdView(world.crowd, world.crowd_orders, world.crowd_groups, self.until)
        self.staff = [member.userid for member in (*STAFF, *world.crowd.staff)]
        self.strategy_tag = strategy_tag(world.options.seed)
        self._index_relations()
        self._index_groups_and_lives()
        self._index_shop()

    def _index_relations(self) -> None:
        relation: dict[tuple[str, str], Relation] = {}
        of_staff: dict[str, list[Relation]] = {userid: [] for userid in self.staff}
        of_contact: dict[str, list[Relation]] = defaultdict(list)
        for each in sorted(self.world.relations, key=lambda r: (r.created_at, r.person.person_no)):
            over = each.ended_at is not None and each.ended_at < self.until
            if each.created_at >= self.until or over:
                continue
            now, external = each.at(self.until), each.person.external_userid
            relation[each.userid, external] = now
            of_staff[each.userid].append(now)
            of_contact[external].append(now)
        self.relation: Mapping[tuple[str, str], Relation] = self.crowd.relations_beside(relation)
        self.of_staff: Mapping[str, Sequence[Relation]] = {**of_staff, **self.crowd.of_staff()}
        self.of_contact: Mapping[str, list[Relation]] = self.crowd.contacts_beside(of_contact)

    def _index_groups_and_lives(self) -> None:
        groups = {
            group.chat_id: group
            for group in self.world.groups
            if group.created_at < self.until and group.is_there(self.until)
        }
        self.groups: Mapping[str, Group] = self.crowd.groups_beside(groups)
        self.lives: dict[str, Live] = {
            live.export_id: live for live in self.world.lives if live.started_at < self.until
        }
        self.lives_of_day: dict[int, list[Live]] = defaultdict(list)
        for live in self.lives.values():
            day = dt.datetime.fromtimestamp(live.started_at, _PLATFORM_ZONE)
            self.lives_of_day[int(day.strftime("%Y%m%d"))].append(live)

    def _index_shop(self) -> None:
        shown = [order for order in self.world.orders if order.created_at < self.until]
        of_live: dict[str, list[ShopOrder]] = defaultdict(list)
        aftersales: dict[str, tuple[ShopOrder, AfterSale]] = {}
        for order in shown:
            if order.live:
                of_live[order.live.export_id].append(order)
            for sale in order.aftersales:
                if sale.created_at < self.until:
                    aftersales[sale.after_sale_id] = (order, sale)
        updates = ((updated_at(order, self.until), order.order_id) for order in shown)
        creations = ((order.created_at, order.order_id) for order in shown)
        asked = ((sale.created_at, sale_id) for sale_id, (_, sale) in aftersales.items())
        self.orders: Mapping[str, ShopOrder] = self.crowd.orders_beside({o.order_id: o for o in shown})
        self.orders_by_update = TimeIndex(updates, self.crowd.orders_by_update)
        self.orders_by_creation = TimeIndex(creations, self.crowd.orders_by_creation)
        self.orders_of_live: Mapping[str, list[ShopOrder]] = self.crowd.of_live_beside(of_live)
        self.aftersales: Mapping[str, tuple[ShopOrder, AfterSale]] = self.crowd.aftersales_beside(aftersales)
        self.aftersales_by_creation = TimeIndex(asked, self.crowd.aftersales_by_creation)
