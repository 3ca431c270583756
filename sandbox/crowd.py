"""The crowd: customers beyond the core world, up to a million, each made from its index when somebody looks.

Only columns of numbers are kept (when somebody was added, by whom, until when); names, phones, tags and ids follow
from the seed and the index. Ids carry the index, so that finding somebody by id needs no index of a million texts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property, lru_cache
from random import Random

import numpy as np
from mimesis import Locale, Person
from mimesis.enums import Gender

from sandbox.calendar import YEAR_END, YEAR_START
from sandbox.contacts import DAY, ROUTES, SHARED, Relation, Staff, Tag, decorate, state_of
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID, SANDBOX_SHOP_APP_ID
from sandbox.dice import Dice, Numbers
from sandbox.lives import Live
from sandbox.moves import change_phones
from sandbox.people import SandboxPerson, opaque, register_name
from sandbox.words import CITIES, NICK_HEADS, NICK_TAILS

FIRST_PERSON_NO = 1_000_000
CONTACTS_A_STAFF = 1500
_HOURS = np.array([*range(8, 24)], dtype=np.int64)
_HOUR_WEIGHTS = (2, 3, 4, 4, 5, 4, 4, 4, 4, 4, 5, 6, 9, 9, 6, 3)
_DAYS = 365
_NUMBER_TEXT = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NUMBER_LENGTH = 7
_CODES = len(_NUMBER_TEXT) ** _NUMBER_LENGTH
_STRIDE = 1_234_567_890_133  # odd and no multiple of 31: every index has a code of its own
_BACK = pow(_STRIDE, -1, _CODES)


class Crowd:
    """``size`` people with their relations to staff. Two crowds of one seed agree on the people they share."""

    def __init__(self, seed: int, size: int, lives: Sequence[Live], tags: Sequence[Tag]) -> None:
        self.seed, self.size, self._lives = seed, size, lives
        self._tags = {(tag.group_name, tag.name): tag.tag_id for tag in tags}
        dice = Dice(seed, "crowd", size)
        self.is_contact: Numbers = dice.shares("contact") < 0.6
        self.staff = [
            Staff(f"guwen_{number:04d}", name, store=False) for number, name in enumerate(self._staff_names())
        ]
        self._route = dice.choices("route", [route.weight for route in ROUTES])
        self._place_relations(dice)

    def _staff_names(self) -> list[str]:
        random = Random(f"{self.seed}:crowd staff")
        count = -(-int(self.size * 0.7) // CONTACTS_A_STAFF) if self.size else 0
        return [random.choice(self._names[0]) + random.choice(self._names[1]) for _ in range(count)]

    def _place_relations(self, dice: Dice) -> None:
        """Fill the columns ``keeper``, ``added``, ``ended``: two slots a person, -1 and 0 where there is none."""
        staff = max(1, len(self.staff))
        in_live = np.array([route.code == "live" for route in ROUTES])[self._route]
        live = dice.below("live", max(1, len(self._lives)))
        started = np.array([each.started_at for each in self._lives] or [0], dtype=np.int64)[live]
        lasted = np.array([each.duration for each in self._lives] or [1], dtype=np.int64)[live]
        during = started + (dice.shares("in live") * lasted).astype(np.int64)
        first = np.where(in_live, during, waking(dice, "added", np.full(self.size, YEAR_START, np.int64)))
        second = waking(dice, "added again", first)
        has_second = self.is_contact & (dice.shares("second") < 0.18) & (staff > 1)
        keeper = dice.below("keeper", staff)
        other = (keeper + 1 + dice.below("other", max(1, staff - 1))) % staff
        self.keeper = _pair(np.where(self.is_contact, keeper, -1), np.where(has_second, other, -1), np.int16)
        self.added = _pair(first, second, np.int32)
        ended = [
            np.where(dice.shares(f"ends {slot}") < 0.02, waking(dice, f"ended {slot}", added), 0)
            for slot, added in enumerate((first, second))
        ]
        self.ended = _pair(ended[0], ended[1], np.int32)

    # -- people -------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> tuple[list[str], list[str], list[str]]:
        """Surnames, women's and men's given names, drawn once."""
        names = Person(Locale.ZH, seed=self.seed)
        women = [register_name(names, Gender.FEMALE) for _ in range(1500)]
        men = [register_name(names, Gender.MALE) for _ in range(1500)]
        surnames = sorted({name[0] for name in women + men})
        return surnames, sorted({name[1:] for name in women}), sorted({name[1:] for name in men})

    def person(self, index: int) -> SandboxPerson:
        """Return the person of an index from 0 on."""
        return _person(self, index)

    def index_of(self, external_userid: str) -> int | None:
        """Return the index of the person with this external_userid, None when it is nobody's."""
        code = 0
        for letter in external_userid[2 : 2 + _NUMBER_LENGTH]:
            code = code * len(_NUMBER_TEXT) + _NUMBER_TEXT.find(letter)
        index = (code - self._offset) * _BACK % _CODES
        return index if index < self.size and self.external_userid(index) == external_userid else None

    def external_userid(self, index: int) -> str:
        """Return the external_userid of an index."""
        code, letters = (index * _STRIDE + self._offset) % _CODES, ""
        for _ in range(_NUMBER_LENGTH):
            code, letter = divmod(code, len(_NUMBER_TEXT))
            letters = _NUMBER_TEXT[letter] + letters
        return "wm" + letters + opaque(23, self.seed, "crowd external", index)

    @cached_property
    def _offset(self) -> int:
        return Random(f"{self.seed}:crowd ids").randrange(_CODES)

    # -- relations ----------------------------------------------------------------------------------------------

    def relation(self, number: int) -> Relation:
        """Return a relation; its number is twice the person's index, plus the slot."""
        index, slot = divmod(number, 2)
        random = Random(f"{self.seed}:crowd relation:{number}")
        route = SHARED if slot else ROUTES[int(self._route[index])]
        userid = self.staff[int(self.keeper[index, slot])].userid
        relation = Relation(
            self.person(index),
            userid,
            route,
            int(self.added[index, slot]),
            state=state_of(random, route, userid),
        )
        decorate(self.seed, random, relation, self._tags, self._lives)
        change_phones(random, relation)
        relation.ended_at = int(self.ended[index, slot]) or None
        return relation

    def living(self, until: int) -> Numbers:
        """Return the numbers of the relations there are just before ``until``, by staff and then by time."""
        there = (self.keeper >= 0) & (self.added < until) & ((self.ended == 0) | (self.ended >= until))
        numbers = np.flatnonzero(there.ravel())
        return numbers[np.lexsort((numbers, self.added.ravel()[numbers], self.keeper.ravel()[numbers]))]


def waking(dice: Dice, name: str, earliest: Numbers) -> Numbers:
    """Return unix seconds between ``earliest`` and the end of the year at which people are awake."""
    first = (earliest - YEAR_START) // DAY
    day = first + (dice.shares(f"{name} day") * (_DAYS - first)).astype(np.int64)
    hour = _HOURS[dice.choices(f"{name} hour", _HOUR_WEIGHTS)]
    found = YEAR_START + day * DAY + hour * 3600 + dice.below(f"{name} second", 3600)
    return np.minimum(np.where(found >= earliest, found, earliest + 600), YEAR_END - 1)


def _pair(first: Numbers, second: Numbers, kind: type) -> Numbers:
    return np.stack([first, second], axis=1).astype(kind)


@lru_cache(maxsize=20_000)
def _person(crowd: Crowd, index: int) -> SandboxPerson:
    seed, number = crowd.seed, FIRST_PERSON_NO + index
    random = Random(f"{seed}:crowd person:{index}")
    gender = "female" if random.random() < 0.7 else "male"
    surnames, women, men = crowd._names
    name = random.choice(surnames) + random.choice(women if gender == "female" else men)
    nickname = name if random.random() < 0.25 else random.choice(NICK_HEADS) + random.choice(NICK_TAILS)
    province, city, county = random.choice(CITIES)
    changes = random.random() < 0.03
    return SandboxPerson(
        person_no=number,
        household_id=None,
        name=name,
        nickname=nickname,
        gender=gender,
        birthday=dt.date(random.randint(1955, 1999), random.randint(1, 12), random.randint(1, 28)),
        province=province,
        city=city,
        county=county,
        phone=f"161{number * 7 % 10**8:08d}",
        unionid="o6_" + opaque(25, seed, "crowd union", index),
        union_shown=random.choices(("always", "late", "never"), (90, 6, 4))[0],
        openids={
            SANDBOX_MINIPROGRAM_APP_ID: "oMini" + opaque(23, seed, "crowd mini", index),
            SANDBOX_SHOP_APP_ID: "oShop" + opaque(23, seed, "crowd shop", index),
        },
        external_userid=crowd.external_userid(index),
        purchases=(),
        new_phone=f"161{(number * 7 + 50_000_000) % 10**8:08d}" if changes else "",
        phone_changed_at=random.randrange(YEAR_START, YEAR_END) if changes else 0,
    )
