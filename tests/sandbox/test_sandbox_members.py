"""The member register: readable in both encodings, broken only where it says so."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from sandbox.members import HEADER, MEMBER_SHARE, write_members
from sandbox.world import World


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_register_reads_back_and_names_its_broken_lines(world: World, tmp_path: Path, encoding: str) -> None:
    written = write_members(world, tmp_path / "members.csv", encoding=encoding)
    with written.path.open(encoding=encoding, newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    assert len(rows) == written.lines
    assert 0.7 < written.lines / 400 < 0.9, f"about {MEMBER_SHARE:.0%} of 400 buyers"
    bad = []
    for line, row in enumerate(rows, start=2):
        fields = dict(zip(HEADER, row, strict=True))
        try:
            dt.date.fromisoformat(fields["生日"])
            dt.datetime.fromisoformat(fields["注册时间"])
            ok = bool(fields["buyer_id"])
        except ValueError:
            ok = False
        if not ok:
            bad.append(line)
    assert tuple(bad) == written.broken_lines
    assert len(bad) == 3


def test_register_grows_and_same_world_same_bytes(world: World, tmp_path: Path) -> None:
    spring = write_members(world, tmp_path / "a.csv", day=dt.date(2017, 3, 1), broken=False)
    whole = write_members(world, tmp_path / "b.csv", broken=False)
    again = write_members(world, tmp_path / "c.csv", broken=False)
    assert whole.broken_lines == ()
    assert set(spring.path.read_bytes().splitlines()) < set(whole.path.read_bytes().splitlines())
    assert whole.path.read_bytes() == again.path.read_bytes()


def test_other_encodings_are_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one of utf-8-sig, gbk"):
        write_members(world, tmp_path / "m.csv", encoding="latin-1")
