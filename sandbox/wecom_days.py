"""Day figures of WeCom: how groups talk (客户群统计) and what staff do (联系客户统计), from the world's facts.

Joins, contacts and deletions are counted from the world. Talk is made: livestream groups are loud on Fridays,
store groups at weekends.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.calendar import YEAR_END
from sandbox.chance import between, share
from sandbox.contacts import DAY, Relation
from sandbox.groups import Group
from sandbox.world import World

# The platform counts by its own natural day, whatever the brand's time zone is. Shanghai has no summer time.
PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
_LOUD_DAYS = {"直播": (4, 5), "门店": (5, 6), "福利": (4,), "会员": (4, 5)}
_FROM_SEARCHED_PHONE = 2

Figures = dict[str, Any]


def midnight_of(second: int) -> int:
    """Return the unix second at which the Shanghai day of ``second`` began."""
    day = dt.datetime.fromtimestamp(second, PLATFORM_ZONE).date()
    return int(dt.datetime.combine(day, dt.time(), tzinfo=PLATFORM_ZONE).timestamp())


class WecomDays:
    """The figures of any complete Shanghai day of one world."""

    def __init__(self, world: World) -> None:
        self._seed = world.options.seed
        self._groups: dict[str, list[Group]] = defaultdict(list)
        for group in world.groups:
            self._groups[group.owner].append(group)
        self._added: Counter[tuple[str, int]] = Counter()
        self._applied: Counter[tuple[str, int]] = Counter()
        self._lost: Counter[tuple[str, int]] = Counter()
        self._talks: dict[str, tuple[int, list[int], list[int]]] = {}
        self._added_at: dict[str, list[int]] = defaultdict(list)
        self._ended_at: dict[str, list[int]] = defaultdict(list)
        for relation in world.relations:
            self._count(relation)
        for times in (*self._added_at.values(), *self._ended_at.values()):
            times.sort()

    def owns_groups(self, owner: str, first: int, until: int) -> bool:
        """Return whether somebody owned a group at some time from ``first`` to ``until``."""
        return any(group.created_at < until and group.is_there(first) for group in self._groups[owner])

    def groups(self, owners: Iterable[str], first: int, last: int) -> Figures:
        """Return the figures of all groups of ``owners`` for the Shanghai days that begin at first … last."""
        until = last + DAY
        owned = [group for owner in owners for group in self._groups[owner]]
        groups = [group for group in owned if group.created_at < until and group.is_there(until)]
        present = sum(_present(group, until) for group in groups)
        talk = [self._talk(group, until) for group in groups]
        joins = [m.joined_at for group in owned for m in group.members]
        return {
            "new_chat_cnt": sum(first <= group.created_at for group in groups),
            "chat_total": len(groups),
            "chat_has_msg": sum(messages > 0 for _, messages in talk),
            "new_member_cnt": sum(first <= joined < until for joined in joins),
            "member_total": present,
            "member_has_msg": sum(speakers for speakers, _ in talk),
            "msg_total": sum(messages for _, messages in talk),
            "migrate_trainee_chat_cnt": 0,
        }

    def behavior(self, userids: list[str], day: int) -> Figures:
        """Return the summed figures of staff for the Shanghai day that begins at ``day``."""
        each = [self._behavior(userid, day) for userid in userids]
        summed: Figures = {name: sum(figures[name] for figures in each) for name in each[0]}
        answered = summed.pop("answered")
        waited = summed.pop("waited")
        if summed["chat_cnt"]:
            summed["reply_percentage"] = round(100 * answered / summed["chat_cnt"], 2)
            summed["avg_reply_time"] = max(1, waited // max(answered, 1))
        return {"stat_time": day, **summed}

    def _behavior(self, userid: str, day: int) -> dict[str, int]:
        alive = bisect_right(self._added_at[userid], day + DAY - 1) - bisect_right(
            self._ended_at[userid], day + DAY - 1
        )
        lively = 0.02 + 0.05 * share(self._seed, "chats", userid, day)
        added = self._added[userid, day]
        chats = added + int(alive * lively)
        answered = int(chats * (0.72 + 0.28 * share(self._seed, "answered", userid, day)))
        return {
            "chat_cnt": chats,
            "message_cnt": chats * between(3, 6, self._seed, "messages", userid, day),
            "answered": answered,
            "waited": answered * between(1, 25, self._seed, "waited", userid, day),
            "negative_feedback_cnt": self._lost[userid, day],
            "new_apply_cnt": self._applied[userid, day],
            "new_contact_cnt": added,
        }

    def _count(self, relation: Relation) -> None:
        userid, day = relation.userid, midnight_of(relation.created_at)
        self._added[userid, day] += 1
        self._added_at[userid].append(relation.created_at)
        if relation.route.add_way == _FROM_SEARCHED_PHONE:  # staff asked, and were accepted the same day
            self._applied[userid, day] += 1
        if relation.ended_at is not None:
            self._ended_at[userid].append(relation.ended_at)
        if relation.left_at is not None:
            self._lost[userid, midnight_of(relation.left_at)] += 1

    def _talk(self, group: Group, until: int) -> tuple[int, int]:
        """Return (members who ever spoke, messages ever sent) up to ``until``, a Shanghai midnight."""
        if group.chat_id not in self._talks:
            self._talks[group.chat_id] = self._talk_of(group)
        first, spoke_at, messages = self._talks[group.chat_id]
        days = (until - first) // DAY
        return bisect_left(spoke_at, until), messages[min(days, len(messages)) - 1]

    def _talk_of(self, group: Group) -> tuple[int, list[int], list[int]]:
        chat_id = group.chat_id
        spoke_at = [
            member.joined_at + between(0, 20 * DAY, "speaks at", self._seed, chat_id, place)
            for place, member in enumerate(group.members)
            if share("speaks", self._seed, chat_id, place) < 0.4
        ]
        loud = _LOUD_DAYS.get(group.kind, ())
        first = midnight_of(group.created_at)
        messages = (
            between(1, 90 if _weekday(day) in loud else 25, "talk", self._seed, chat_id, day)
            for day in range(first, midnight_of(YEAR_END) + DAY, DAY)
        )
        return first, sorted(spoke_at), list(accumulate(messages))


def _weekday(second: int) -> int:
    return dt.datetime.fromtimestamp(second, PLATFORM_ZONE).weekday()


def _present(group: Group, until: int) -> int:
    return sum(m.joined_at < until and (m.left_at is None or m.left_at >= until) for m in group.members)
