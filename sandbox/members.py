"""The brand's member register (会员名册) of the mini-program, as a CSV a back office would export.

Made persons on real buyer ids: it is the bridge from the shop's buyer ids to WeChat identities. A few lines
are broken on purpose, as in every real export.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sandbox.calendar import YEAR_END, ZONE, end_of
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID
from sandbox.people import SandboxPerson
from sandbox.world import World

HEADER = ("buyer_id", "unionid", "openid", "手机号", "姓名", "性别", "生日", "城市", "注册时间")
ENCODINGS = ("utf-8-sig", "gbk")
MEMBER_SHARE = 0.8
_STAMP = "%Y-%m-%d %H:%M:%S"
_GENDER = {"male": "男", "female": "女"}


@dataclass(frozen=True)
class MemberFile:
    """What was written: ``lines`` data lines; ``broken_lines`` (1-based, the header is 1) are bad."""

    path: Path
    lines: int
    broken_lines: tuple[int, ...]


def write_members(
    world: World, path: Path, *, encoding: str = "utf-8-sig", day: dt.date | None = None, broken: bool = True
) -> MemberFile:
    """Write the register as of the end of ``day`` (None: the whole year); atomic, same world same bytes.

    Stamps are naive New York wall-clock times. With ``broken`` three lines are spoilt: a date that does not
    exist, a missing buyer id, a stamp that is no time.

    Raises:
        ValueError: an encoding other than ``utf-8-sig`` and ``gbk``.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding: expected one of {', '.join(ENCODINGS)}, got {encoding!r}")
    rows = _rows(world, YEAR_END if day is None else end_of(day))
    spoilt = _spoil(rows) if broken else ()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_bytes(text.getvalue().encode(encoding))
    os.replace(unfinished, path)
    return MemberFile(path, len(rows), spoilt)


def _rows(world: World, until: int) -> list[list[str]]:
    random = Random(f"{world.options.seed}:members")
    rows = []
    for person in world.people:
        joins, gives_phone, gives_union = (random.random() for _ in range(3))
        if not person.purchases or joins >= MEMBER_SHARE or person.purchases[0] >= until:
            continue
        rows.append(_row(person, phone=gives_phone < 0.85, unionid=gives_union < 0.93))
    return rows


def _row(person: SandboxPerson, *, phone: bool, unionid: bool) -> list[str]:
    registered = dt.datetime.fromtimestamp(person.purchases[0], ZONE)
    return [
        person.household_id or "",
        person.unionid if unionid else "",
        person.openids[SANDBOX_MINIPROGRAM_APP_ID],
        person.phone if phone else "",
        person.name,
        _GENDER[person.gender],
        person.birthday.isoformat(),
        person.city,
        registered.strftime(_STAMP),
    ]


def _spoil(rows: list[list[str]]) -> tuple[int, ...]:
    faults = ((6, "1990-02-31"), (0, ""), (8, "昨天下午"))
    spoilt = []
    for place, (column, value) in enumerate(faults, start=1):
        number = place * len(rows) // (len(faults) + 1)
        if number < len(rows) and number not in spoilt:
            rows[number][column] = value
            spoilt.append(number)
    return tuple(number + 2 for number in spoilt)
