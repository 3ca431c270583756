"""Customer groups of the crowd: one for about a thousand people, its members made when somebody looks."""

from __future__ import annotations

from random import Random

from sandbox.calendar import YEAR_START
from sandbox.contacts import DAY, Staff
from sandbox.crowd import Crowd
from sandbox.groups import Group, Member, join
from sandbox.lazily import MadeOnce
from sandbox.people import opaque

PEOPLE_A_GROUP = 1000
_KINDS = ("福利", "直播", "门店", "会员", "兴趣")


class CrowdGroups:
    """The groups of a crowd, named by their place."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.size = crowd.size // PEOPLE_A_GROUP
        self._places = {self.chat_id(place): place for place in range(self.size)}

    def chat_id(self, place: int) -> str:
        """Return the chat_id of a group."""
        return "wr" + opaque(30, self._crowd.seed, "crowd chat", place)

    def place_of(self, chat_id: str) -> int | None:
        """Return the place of a chat_id, None when it is no group of the crowd."""
        return self._places.get(chat_id)

    def created_at(self, place: int) -> int:
        """Return the unix second at which a group was made."""
        return YEAR_START + Random(f"{self._crowd.seed}:crowd group age:{place}").randrange(300 * DAY)

    def group(self, place: int) -> Group:
        """Return a group with its members."""
        crowd = self._crowd
        random = Random(f"{crowd.seed}:crowd group:{place}")
        kind = _KINDS[place % len(_KINDS)]
        owner = crowd.staff[place % len(crowd.staff)]
        created = self.created_at(place)
        name = f"丰和{kind}群{place + 101}"
        members = MadeOnce(lambda: self._members(random, place, owner, created))
        return Group(self.chat_id(place), name, kind, owner.userid, created, "", members)

    def _members(self, random: Random, place: int, owner: Staff, created: int) -> list[Member]:
        crowd = self._crowd
        members = [_staff_member(owner, created, owner)]
        helpers = [staff for staff in random.sample(crowd.staff, min(2, len(crowd.staff))) if staff != owner]
        members += [_staff_member(helper, created + 60, owner) for helper in helpers]
        indexes = random.sample(range(crowd.size), random.randrange(30, 180))
        members += [join(random, crowd.person(index), 100 + place, owner, created) for index in indexes]
        return sorted(members, key=lambda member: member.joined_at)


def _staff_member(staff: Staff, joined_at: int, owner: Staff) -> Member:
    return Member(None, staff, joined_at, None, 1, owner.userid, None)
