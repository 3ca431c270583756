"""WeCom staff, tag library and contact relations (企业微信外部联系人) of the sandbox world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from sandbox.calendar import YEAR_END, YEAR_START, waking_moment
from sandbox.lives import Live
from sandbox.people import SandboxPerson, opaque

DAY = 86_400
STORE_PHONE = "15400000000"  # the tablet of store 1: staff type it for many customers, so it names nobody


@dataclass(frozen=True)
class Staff:
    """One member of staff with the customer-contact function."""

    userid: str
    name: str
    store: bool
    takes_contacts: bool = True


STAFF = (
    Staff("liwei", "李薇", store=False),
    Staff("zhouyan", "周妍", store=False),
    Staff("chenjing", "陈静", store=False),
    Staff("wuhao", "吴昊", store=False),
    Staff("store_ny_001", "一号店店长", store=True),
    Staff("store_ny_002", "二号店店长", store=True),
    Staff("store_ny_003", "三号店店长", store=True),
    Staff("xiaoxin", "小新", store=False, takes_contacts=False),
)

_TAG_LIBRARY = (
    ("渠道来源", ("直播间", "门店", "包裹卡", "客服", "老带新", "获客链接")),
    ("会员等级", ("普通", "银卡", "金卡", "白金")),
    ("兴趣偏好", ("母婴", "零食", "生鲜", "粮油", "家清")),
    ("跟进状态", ("待跟进", "已回复", "勿扰")),
)
_STRATEGY_TAG = "老客"
_PERSONAL_TAGS = ("爱问价", "夜猫子", "要发票", "送礼多")


@dataclass(frozen=True)
class Tag:
    """One corporate tag (企业标签) of the library the staff made in the admin console."""

    tag_id: str
    name: str
    group_id: str
    group_name: str
    created_at: int
    order: int


@dataclass(frozen=True)
class Route:
    """One entrance: how a person came to be a contact, with its share among all adds."""

    code: str
    weight: int
    add_way: int
    state: str | None
    channel_tag: str


ROUTES = (
    Route("parcel", 28, 1, "PARCEL_CARD_A", "包裹卡"),
    Route("store", 22, 1, None, "门店"),
    Route("live", 20, 10, None, "直播间"),
    Route("service", 8, 1, "CS_AFTERSALE", "客服"),
    Route("link", 8, 16, "ACQ_LINK_01", "获客链接"),
    Route("group", 7, 4, None, "老带新"),
    Route("phone", 7, 2, None, "客服"),
)
SHARED = Route("shared", 0, 201, None, "老带新")


@dataclass
class Relation:
    """One (staff, person) pair. Times are unix seconds.

    ``ended_at`` is when the staff deleted the person: the relation is gone. ``left_at`` is when the person deleted the
    staff (单向好友): the lists go on showing the relation. ``new_mobiles`` stand in the remark from
    ``mobiles_changed_at`` on.
    """

    person: SandboxPerson
    userid: str
    route: Route
    created_at: int
    ended_at: int | None = None
    state: str | None = None
    remark: str = ""
    remark_mobiles: tuple[str, ...] = ()
    tag_ids: tuple[str, ...] = ()
    strategy_tag_ids: tuple[str, ...] = ()
    personal_tags: tuple[str, ...] = ()
    left_at: int | None = None
    new_mobiles: tuple[str, ...] = ()
    mobiles_changed_at: int | None = None

    def at(self, moment: int) -> Relation:
        """Return the relation as it was just before a unix second."""
        if self.mobiles_changed_at is None or self.mobiles_changed_at >= moment:
            return self
        return replace(self, remark_mobiles=self.new_mobiles)


def make_tags(seed: int) -> list[Tag]:
    """Return the tag library as staff made it by hand at the start of the year."""
    return [
        Tag(
            tag_id="et" + opaque(20, seed, "tag", group, name),
            name=name,
            group_id="et" + opaque(20, seed, "group", group),
            group_name=group,
            created_at=YEAR_START,
            order=100 - position,
        )
        for group, names in _TAG_LIBRARY
        for position, name in enumerate(names)
    ]


def strategy_tag(seed: int) -> tuple[str, str, str]:
    """Return (tag id, group name, tag name) of the one strategy tag (规则组标签)."""
    return "st" + opaque(20, seed, "strategy"), "门店规则组", _STRATEGY_TAG


def make_relations(
    seed: int, people: Sequence[SandboxPerson], lives: Sequence[Live], tags: Sequence[Tag]
) -> list[Relation]:
    """Return all relations: about 60% of the buyers and 55% of the others, one or two staff each."""
    random = Random(f"{seed}:relations")
    by_name = {(tag.group_name, tag.name): tag.tag_id for tag in tags}
    relations = []
    for person in people:
        if random.random() >= (0.60 if person.household_id else 0.55):
            continue
        first = _relation(random, person, lives, random.choices(ROUTES, [r.weight for r in ROUTES])[0])
        mine = [first]
        if random.random() < 0.18:
            mine.append(_second(random, first))
        for relation in mine:
            decorate(seed, random, relation, by_name, lives)
        relations.extend(mine)
    return relations


def _relation(random: Random, person: SandboxPerson, lives: Sequence[Live], route: Route) -> Relation:
    candidates = [s for s in STAFF if s.takes_contacts and s.store == (route.code == "store")]
    staff = random.choice(candidates)
    if route.code == "live":
        created = random.choice(lives).within(random)
    elif person.purchases and route.code == "store":
        created = random.choice(person.purchases) + random.randrange(30, 900)
    elif person.purchases and route.code == "parcel":
        created = random.choice(person.purchases) + random.randrange(2 * DAY, 5 * DAY)
    else:
        created = waking_moment(random)
    if created >= YEAR_END:
        created = waking_moment(random)
    return Relation(person, staff.userid, route, created, state=state_of(random, route, staff.userid))


def state_of(random: Random, route: Route, userid: str) -> str | None:
    """Return the channel code (渠道活码) of a relation that came by this route."""
    if route.code == "store":
        return f"STORE_{userid[-3:]}_CASHIER"
    if route.code == "parcel" and random.random() < 0.5:
        return "PARCEL_CARD_B"
    return route.state


def _second(random: Random, first: Relation) -> Relation:
    others = [s.userid for s in STAFF if s.takes_contacts and s.userid != first.userid]
    return Relation(first.person, random.choice(others), SHARED, waking_moment(random, first.created_at))


def decorate(
    seed: int, random: Random, relation: Relation, tags: dict[tuple[str, str], str], lives: Sequence[Live]
) -> None:
    """Give a relation its remark, tags and phones, and now and then an end."""
    person = relation.person
    if relation.route.code == "live":
        live = next(live for live in lives if live.started_at <= relation.created_at < live.ended_at)
        relation.remark = f"{person.nickname}-{live.theme}"[:20]
    elif random.random() < 0.1:
        relation.remark = person.name
    chosen = []
    if random.random() < 0.5:
        chosen.append(tags["渠道来源", relation.route.channel_tag])
    if random.random() < 0.3:
        chosen.append(tags["会员等级", random.choice(_TAG_LIBRARY[1][1])])
    if random.random() < 0.25:
        chosen.append(tags["兴趣偏好", random.choice(_TAG_LIBRARY[2][1])])
    relation.tag_ids = tuple(chosen)
    if random.random() < 0.05:
        relation.strategy_tag_ids = (strategy_tag(seed)[0],)
    if random.random() < 0.15:
        relation.personal_tags = (random.choice(_PERSONAL_TAGS),)
    relation.remark_mobiles = _mobiles(random, relation)
    if random.random() < 0.02:
        relation.ended_at = waking_moment(random, relation.created_at)


def _mobiles(random: Random, relation: Relation) -> tuple[str, ...]:
    phone = relation.person.phone
    if relation.userid == "store_ny_001" and random.random() < 0.15:
        return (STORE_PHONE,)
    if random.random() >= (0.9 if relation.route.code == "phone" else 0.15):
        return ()
    style = random.random()
    if style < 0.1:
        return (f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}",)
    if style < 0.13:
        return (phone[:10],)  # a digit short: what staff type is never checked
    return (phone,)
