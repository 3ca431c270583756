"""Customer groups (客户群) with their members: contacts, people nobody added, and helpers from the staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from sandbox.calendar import FIRST_DAY as _FIRST_DAY
from sandbox.calendar import YEAR_END, moment, waking_moment
from sandbox.contacts import STAFF, Staff
from sandbox.people import SandboxPerson, opaque
from sandbox.words import GROUP_NAMES

_JOIN_SCANNED = 3
_JOIN_INVITED = 1


@dataclass(frozen=True)
class Member:
    """One membership: either ``person`` or ``staff`` is set. Times are unix seconds."""

    person: SandboxPerson | None
    staff: Staff | None
    joined_at: int
    left_at: int | None
    join_scene: int
    invited_by: str | None
    state: str | None


@dataclass(frozen=True)
class Group:
    """One customer group; members are ordered by the time they joined. Nobody joins or leaves a dismissed one."""

    chat_id: str
    name: str
    kind: str
    owner: str
    created_at: int
    notice: str
    members: Sequence[Member]
    dismissed_at: int | None = None

    def is_there(self, moment: int) -> bool:
        """Return whether it is not dismissed before a unix second."""
        return self.dismissed_at is None or self.dismissed_at >= moment


def make_groups(
    seed: int,
    people: Sequence[SandboxPerson],
    contact_numbers: set[int],
    brand_people: Sequence[SandboxPerson] = (),
) -> list[Group]:
    """Return the twelve groups; about four members in five are contacts (``contact_numbers``).

    ``brand_people`` (水军) sit in most of them. The flash-sale group (快闪群) is dismissed three weeks after it began.
    """
    random = Random(f"{seed}:groups")
    contacts = [p for p in people if p.person_no in contact_numbers]
    others = [p for p in people if p.person_no not in contact_numbers]
    groups = [_group(seed, random, number, contacts, others) for number in range(len(GROUP_NAMES))]
    random = Random(f"{seed}:brand in groups")
    return [_with_brand(random, group, brand_people) for group in groups]


def _with_brand(random: Random, group: Group, brand_people: Sequence[SandboxPerson]) -> Group:
    joined = [
        Member(
            person,
            None,
            group.created_at + random.randrange(600, 86_400),
            None,
            _JOIN_INVITED,
            group.owner,
            None,
        )
        for person in brand_people
        if random.random() < 0.6
    ]
    members = sorted((*group.members, *joined), key=lambda member: member.joined_at)
    if group.kind != "快闪":
        return replace(group, members=tuple(members))
    over = group.created_at + 21 * 86_400
    seen = (
        replace(m, left_at=None if m.left_at is None or m.left_at >= over else m.left_at) for m in members
    )
    return replace(group, members=tuple(m for m in seen if m.joined_at < over), dismissed_at=over)


def _group(
    seed: int, random: Random, number: int, contacts: list[SandboxPerson], others: list[SandboxPerson]
) -> Group:
    name, kind = GROUP_NAMES[number]
    stores = [staff for staff in STAFF if staff.store]
    office = [staff for staff in STAFF if not staff.store]
    owner = stores[number % len(stores)] if kind == "门店" else office[number % len(office)]
    created = moment(_FIRST_DAY.replace(month=1 + number % 11, day=random.randint(2, 25)), 10)
    size = random.randrange(40, 160)
    joiners = random.sample(contacts, min(len(contacts), size * 4 // 5))
    joiners += random.sample(others, min(len(others), size // 5))
    helpers = random.sample([staff for staff in STAFF if staff is not owner], random.randint(2, 3))
    members = [Member(None, owner, created, None, _JOIN_INVITED, owner.userid, None)]
    members += [
        Member(None, h, created + 60 * n, None, _JOIN_INVITED, owner.userid, None)
        for n, h in enumerate(helpers, start=1)
    ]
    members += [join(random, person, number, owner, created) for person in joiners]
    return Group(
        chat_id="wr" + opaque(30, seed, "chat", number),
        name=name,
        kind=kind,
        owner=owner.userid,
        created_at=created,
        notice="周五直播 20:00，记得来" if kind == "直播" else "",
        members=tuple(sorted(members, key=lambda member: member.joined_at)),
    )


def join(random: Random, person: SandboxPerson, number: int, owner: Staff, created: int) -> Member:
    """Return the membership of a person in the group with this number, some of whom leave again."""
    joined = waking_moment(random, created + 3600)
    left = waking_moment(random, joined) if random.random() < 0.12 else None
    scanned = random.random() < 0.7
    return Member(
        person=person,
        staff=None,
        joined_at=min(joined, YEAR_END - 1),
        left_at=left,
        join_scene=_JOIN_SCANNED if scanned else _JOIN_INVITED,
        invited_by=None if scanned or random.random() < 0.5 else owner.userid,
        state=f"GRP_QR_{number + 1:02d}" if scanned else None,
    )
