"""What the brand and its staff sent: mass messages (群发) and moments (客户朋友圈) of the year, and who got them.

Only what was created is listed here; who sent it when, who received, liked and commented follows from the
world's relations and groups, the same at every question.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sandbox.calendar import FIRST_DAY, LAST_DAY, YEAR, moment
from sandbox.chance import between, share
from sandbox.contacts import DAY, STAFF, Relation
from sandbox.people import opaque
from sandbox.words import LIVE_THEMES
from sandbox.world import World

_MONDAY, _WEDNESDAY, _FRIDAY = 0, 2, 4
BY_CORP, BY_STAFF = 0, 1
NOT_SENT, SENT, NO_FRIEND, TOO_MANY = 0, 1, 2, 3
_LIKED_WITHIN = 5 * DAY
# What was created a moment ago is still being handed to staff.
HANDED_OUT_WITHIN = 600


@dataclass(frozen=True)
class Outgoing:
    """One mass message or moment. ``creator`` is None when an API made it; ``kind``: single, group or moment."""

    outgoing_id: str
    kind: str
    creator: str | None
    created_at: int
    create_type: int
    content: str
    audience_share: float = 1.0


@dataclass(frozen=True)
class Interaction:
    """A like or a comment; ``person_id`` is an external_userid, or the userid of a colleague."""

    kind: str
    person_id: str
    by_staff: bool
    at: int


class Outbound:
    """All that went out in one world. Times are unix seconds; what is later than ``until`` has not happened."""

    def __init__(self, world: World) -> None:
        self._world, self._seed = world, world.options.seed
        self.messages = {each.outgoing_id: each for each in _messages(self._seed)}
        self.moments = {each.outgoing_id: each for each in _moments(self._seed)}

    @cached_property
    def _relations(self) -> dict[str, list[Relation]]:
        found: dict[str, list[Relation]] = {staff.userid: [] for staff in STAFF}
        for relation in self._world.relations:
            found[relation.userid].append(relation)
        return found

    def senders(self, outgoing: Outgoing) -> list[str]:
        """Return the staff who got the task: who made it, or everybody with somebody to send it to."""
        if outgoing.create_type == BY_STAFF:
            return [outgoing.creator] if outgoing.creator else []
        if outgoing.kind == "group":
            return [s.userid for s in STAFF if self.chats(outgoing, s.userid)]
        return [s.userid for s in STAFF if self.audience(outgoing, s.userid)]

    def sent_at(self, outgoing: Outgoing, userid: str) -> int | None:
        """Return when a staff member pressed send: soon, days later, or never (None)."""
        if outgoing.create_type == BY_STAFF:
            return outgoing.created_at + 5
        pair = (self._seed, outgoing.outgoing_id, userid)
        patience = share("sends", *pair)
        if patience >= 0.88:
            return None
        return outgoing.created_at + (
            between(3 * 60, 9 * 3600, "soon", *pair)
            if patience < 0.75
            else between(DAY, 4 * DAY, "late", *pair)
        )

    def sent_before(self, outgoing: Outgoing, userid: str, until: int) -> int | None:
        """Return ``sent_at`` where that was before ``until``, None otherwise."""
        sent = self.sent_at(outgoing, userid)
        return sent if sent is not None and sent < until else None

    def is_handed_out(self, outgoing: Outgoing, until: int) -> bool:
        """Return whether the platform tells of its tasks and results just before ``until``."""
        return until - outgoing.created_at >= HANDED_OUT_WITHIN

    def audience(self, outgoing: Outgoing, userid: str) -> list[Relation]:
        """Return the contacts of a staff member whom it was meant for, by the time they became contacts."""
        created = outgoing.created_at
        return [
            relation
            for relation in self._relations[userid]
            if relation.created_at < created
            and (relation.ended_at is None or relation.ended_at >= created)
            and self._share_of(outgoing, relation, "meant") < outgoing.audience_share
        ]

    def chats(self, outgoing: Outgoing, userid: str) -> list[str]:
        """Return the groups of a staff member that a group message was meant for."""
        return [
            group.chat_id
            for group in self._world.groups
            if group.owner == userid
            and group.created_at < outgoing.created_at
            and group.is_there(outgoing.created_at)
        ]

    def outcome(self, outgoing: Outgoing, relation: Relation, sent_at: int) -> int:
        """Return the status of one delivery that was sent at ``sent_at``."""
        if relation.left_at is not None and relation.left_at < sent_at:
            return NO_FRIEND
        return TOO_MANY if self._share_of(outgoing, relation, "too many") < 0.03 else SENT

    def interactions(self, outgoing: Outgoing, userid: str, until: int) -> Iterator[Interaction]:
        """Yield the likes and comments on a staff member's moment, up to ``until``."""
        published = self.sent_at(outgoing, userid)
        if published is None:
            return
        for relation in self.audience(outgoing, userid):
            if self.outcome(outgoing, relation, published) == NO_FRIEND:
                continue
            person = relation.person.external_userid
            for kind, chance in (("like", 0.05), ("comment", 0.012)):
                at = published + int(_LIKED_WITHIN * self._share_of(outgoing, relation, "at", kind) ** 3)
                if self._share_of(outgoing, relation, kind) >= chance or at >= until:
                    continue
                yield Interaction(kind, person, False, at)
                if kind == "comment" and at + 600 < until:
                    yield Interaction(kind, userid, True, at + 600)  # the staff member answers

    def _share_of(self, outgoing: Outgoing, relation: Relation, *what: object) -> float:
        return share(
            *what, self._seed, outgoing.outgoing_id, relation.userid, relation.person.external_userid
        )


def _days(weekday: int) -> Iterator[tuple[int, dt.date]]:
    day = FIRST_DAY + dt.timedelta(days=(weekday - FIRST_DAY.weekday()) % 7)
    week = 0
    while day <= LAST_DAY:
        yield week, day
        day, week = day + dt.timedelta(days=7), week + 1


def _messages(seed: int) -> Iterator[Outgoing]:
    for week, day in _days(_FRIDAY):
        theme = LIVE_THEMES[week % len(LIVE_THEMES)]
        if week % 2:
            text = f"今晚20:00 {theme}，群里领券，直播间见"
            yield _outgoing(seed, "group", "zhouyan", moment(day, 11, 30), BY_CORP, text)
        else:
            text = f"今晚20:00 {theme}开播，回复1领专属券"
            creator = None if week % 4 else "zhouyan"
            yield _outgoing(seed, "single", creator, moment(day, 10, 5), BY_CORP, text, 0.3)
    stores = [staff.userid for staff in STAFF if staff.store]
    for week, day in _days(_WEDNESDAY):
        if week % 3 == 0:
            text = "店里今天到了新货，路过来坐坐"
            creator = stores[week // 3 % len(stores)]
            yield _outgoing(seed, "single", creator, moment(day, 15, 20), BY_STAFF, text, 0.2)
    eve = moment(dt.date(YEAR, 11, 10), 23, 55)
    yield _outgoing(seed, "single", "zhouyan", eve, BY_CORP, "双十一零点开抢，前100名加赠", 0.3)


def _moments(seed: int) -> Iterator[Outgoing]:
    for week, day in _days(_MONDAY):
        if week % 2 == 0:
            text = f"本周五 {LIVE_THEMES[week % len(LIVE_THEMES)]}，先睹为快"
            yield _outgoing(seed, "moment", "zhouyan", moment(day, 9, 30), BY_CORP, text)
        elif week % 4 == 1:
            creator = STAFF[week // 4 % 4].userid
            yield _outgoing(
                seed, "moment", creator, moment(day, 18, 45), BY_STAFF, "今天的打包台，加班也开心"
            )


def _outgoing(
    seed: int,
    kind: str,
    creator: str | None,
    created_at: int,
    create_type: int,
    content: str,
    audience_share: float = 1.0,
) -> Outgoing:
    prefix = "mom" if kind == "moment" else "msg"
    outgoing_id = prefix + opaque(30, seed, kind, creator, created_at)
    return Outgoing(outgoing_id, kind, creator, created_at, create_type, content, audience_share)
