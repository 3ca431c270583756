"""The people of the sandbox: buyers of the Complete Journey given a made identity, and people beside them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from mimesis import Locale, Person
from mimesis.enums import Gender

from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID, SANDBOX_OFFICIAL_APP_ID, SANDBOX_SHOP_APP_ID
from sandbox.journey import Buyer
from sandbox.words import CITIES, NICK_HEADS, NICK_TAILS

# 154 was never given to an operator, so no made phone belongs to anybody.
_PHONE_PREFIX = "154"
_UNION_SHOWN, _UNION_WEIGHTS = ("always", "late", "never"), (90, 6, 4)


@dataclass(frozen=True)
class SandboxPerson:
    """One made person. ``household_id`` is None for people who never bought in the mini-program.

    ``union_shown`` says what the contact record tells of the unionid: ``always``, ``late`` (only from
    ``World.known_day`` on) or ``never``. ``openids`` is keyed by app id; ``purchases`` are unix seconds.
    ``new_phone`` is empty for those who keep theirs.
    """

    person_no: int
    household_id: str | None
    name: str
    nickname: str
    gender: str
    birthday: dt.date
    province: str
    city: str
    county: str
    phone: str
    unionid: str
    union_shown: str
    openids: dict[str, str]
    external_userid: str
    purchases: tuple[int, ...]
    new_phone: str = ""
    phone_changed_at: int = 0

    def phone_at(self, moment: int) -> str:
        """Return the phone that the person had at a unix second."""
        return self.new_phone if self.new_phone and self.phone_changed_at <= moment else self.phone

    @property
    def gender_code(self) -> int:
        return 1 if self.gender == "male" else 2


def opaque(length: int, *parts: object) -> str:
    """Return ``length`` (at most 43) URL-safe characters that depend on nothing but ``parts``."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().replace("-", "A").replace("_", "B")[:length]


def make_people(seed: int, buyers: Sequence[Buyer], extra: int) -> list[SandboxPerson]:
    """Return the buyers as persons, then ``extra`` more people who never bought in the mini-program."""
    random = Random(f"{seed}:people")
    names = Person(Locale.ZH, seed=seed)
    households: list[Buyer | None] = [*buyers, *([None] * extra)]
    phones = random.sample(range(10**8), len(households))
    return [
        _person(seed, number, buyer, f"{_PHONE_PREFIX}{phone:08d}", random, names)
        for number, (buyer, phone) in enumerate(zip(households, phones, strict=True), start=1)
    ]


def _person(
    seed: int, number: int, buyer: Buyer | None, phone: str, random: Random, names: Person
) -> SandboxPerson:
    gender = "female" if random.random() < 0.7 else "male"
    name = register_name(names, Gender.FEMALE if gender == "female" else Gender.MALE)
    nickname = name if random.random() < 0.25 else random.choice(NICK_HEADS) + random.choice(NICK_TAILS)
    province, city, county = random.choice(CITIES)
    return SandboxPerson(
        person_no=number,
        household_id=buyer.household_id if buyer else None,
        name=name,
        nickname=nickname,
        gender=gender,
        birthday=dt.date(random.randint(1955, 1999), random.randint(1, 12), random.randint(1, 28)),
        province=province,
        city=city,
        county=county,
        phone=phone,
        unionid="o6_" + opaque(25, seed, "union", number),
        union_shown=random.choices(_UNION_SHOWN, _UNION_WEIGHTS)[0],
        openids={
            SANDBOX_MINIPROGRAM_APP_ID: "oMini" + opaque(23, seed, "mini", number),
            SANDBOX_SHOP_APP_ID: "oShop" + opaque(23, seed, "shop", number),
            SANDBOX_OFFICIAL_APP_ID: "oGzh0" + opaque(23, seed, "official", number),
        },
        external_userid="wm" + opaque(30, seed, "external", number),
        purchases=buyer.purchases if buyer else (),
    )


def register_name(names: Person, gender: Gender) -> str:
    """Return a full name that a member register can hold."""
    # The member register may be written as GBK, which lacks a few rare characters.
    while True:
        name = names.last_name(gender) + names.first_name(gender)
        try:
            name.encode("gbk")
        except UnicodeEncodeError:
            continue
        return name
