"""What happens to people and relations over the year: phones change, customers leave, come back, meet more staff.

Drawn apart from the relations themselves, so that these stay what they are for a seed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from sandbox.calendar import YEAR_END, YEAR_START, waking_moment
from sandbox.contacts import DAY, SHARED, STAFF, Relation
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID, SANDBOX_SHOP_APP_ID
from sandbox.people import SandboxPerson, opaque
from sandbox.words import BRAND

BRAND_PEOPLE = 8
_FIRST_BRAND_NO = 900_001
_LEAVES, _COMES_BACK, _THIRD_STAFF, _NEW_PHONE = 0.06, 0.4, 0.03, 0.03


def with_new_phones(seed: int, people: Sequence[SandboxPerson]) -> list[SandboxPerson]:
    """Return the people, some of whom get another phone during the year."""
    random = Random(f"{seed}:new phones")
    taken = {person.phone for person in people}
    changed = []
    for person in people:
        if random.random() < _NEW_PHONE:
            phone = f"154{random.randrange(10**8):08d}"
            if phone not in taken:
                taken.add(phone)
                at = random.randrange(YEAR_START + 30 * DAY, YEAR_END)
                person = replace(person, new_phone=phone, phone_changed_at=at)
        changed.append(person)
    return changed


def make_brand_people(seed: int) -> list[SandboxPerson]:
    """Return the brand's own people who pose as customers in groups (水军): they are no customers."""
    random = Random(f"{seed}:brand people")
    return [
        SandboxPerson(
            person_no=_FIRST_BRAND_NO + number,
            household_id=None,
            name=f"{BRAND}小号{number + 1}",
            nickname=random.choice(
                ("爱囤货的小王", "楼下阿姨", "奶茶不加糖", "每天都在买", "二胎宝妈", "省钱小能手")
            ),
            gender="female",
            birthday=dt.date(1990, 1, 1 + number),
            province="上海市",
            city="上海市",
            county="徐汇区",
            phone=f"16199999{number + 101}",
            unionid="o6_" + opaque(25, seed, "brand union", number),
            union_shown="always",
            openids={
                app: name + opaque(23, seed, "brand openid", app, number)
                for app, name in ((SANDBOX_MINIPROGRAM_APP_ID, "oMini"), (SANDBOX_SHOP_APP_ID, "oShop"))
            },
            external_userid="wm" + opaque(30, seed, "brand external", number),
            purchases=(),
        )
        for number in range(BRAND_PEOPLE)
    ]


def move_relations(
    seed: int, relations: Sequence[Relation], brand_people: Sequence[SandboxPerson]
) -> list[Relation]:
    """Return the relations with what happens to them, and those that come of it.

    Customers delete staff (``left_at``: no list shows it, only a callback, a day's count and what is not delivered
    any more), some whom staff deleted are added again, some meet a third member of staff, and the brand's own people
    are contacts of one.
    """
    random = Random(f"{seed}:moves")
    moved: list[Relation] = []
    staff_of: dict[int, set[str]] = {}
    for relation in relations:
        staff_of.setdefault(relation.person.person_no, set()).add(relation.userid)
    for relation in relations:
        moved.append(relation)
        change_phones(random, relation)
        if relation.ended_at is None and random.random() < _LEAVES:
            relation.left_at = waking_moment(random, relation.created_at)
        if relation.ended_at is not None and random.random() < _COMES_BACK:
            earliest = relation.ended_at + DAY
            if earliest < YEAR_END - DAY:
                back = waking_moment(random, earliest)
                moved.append(
                    Relation(relation.person, relation.userid, relation.route, back, state=relation.state)
                )
        others = staff_of[relation.person.person_no]
        if len(others) == 2 and random.random() < _THIRD_STAFF:
            free = [s.userid for s in STAFF if s.takes_contacts and s.userid not in others]
            userid = random.choice(free)
            others.add(userid)
            moved.append(
                Relation(relation.person, userid, SHARED, waking_moment(random, relation.created_at))
            )
    for number, person in enumerate(brand_people):
        created = YEAR_START + (3 + number) * DAY
        moved.append(Relation(person, "chenjing", SHARED, created, remark=f"内部小号{number + 1}"))
    return moved


def change_phones(random: Random, relation: Relation) -> None:
    """Let staff who typed somebody's phone type the new one after it changed: instead of the old, or beside it."""
    person = relation.person
    if not person.new_phone or person.phone not in relation.remark_mobiles:
        return
    heard = max(person.phone_changed_at, relation.created_at) + random.randrange(DAY, 20 * DAY)
    relation.mobiles_changed_at = heard
    both = (*relation.remark_mobiles, person.new_phone)
    relation.new_mobiles = both if random.random() < 0.5 else (person.new_phone,)
