"""What was known when: `tag_history` as known on the evening of any run says what that run said."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import duckdb

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import deliver, random_history
from tests.exactness.test_run_log import FIRST, SECOND, load_order

# 2 runs three times on one evening, 3 corrects a good deal of what was said.
SEEDS = range(2, 2 + int(os.environ.get("SIYU_TEST_HISTORIES", "2")))
Said = set[tuple[object, ...]]

SAID = """
select customer_id, tag_code, tag_value, valid_from, valid_to, rule_version
from marts.tag_history where known_to is null
"""
# A day after the evening asked about was not spoken of then.
AS_KNOWN = """
select
    customer_id, tag_code, tag_value, valid_from,
    case when valid_to <= date '{evening}' then valid_to end as valid_to,
    rule_version
from marts.tag_history
where known_from <= date '{evening}' and (known_to is null or known_to > date '{evening}')
"""


def said(home: DbtHome) -> Said:
    return set(home.query(SAID))


def as_known(home: DbtHome, evening: str) -> Said:
    rows = home.query(AS_KNOWN.format(evening=evening))
    assert len(rows) == len(set(rows)), "said twice"
    return set(rows)


def test_as_known__is_what_each_run_said(home: DbtHome) -> None:
    """Over random histories: late records, corrections, joined and parted people; the last run of an evening counts."""
    corrected = 0
    for seed in SEEDS:
        home.clear()
        at = dt.datetime(2026, 1, 1, tzinfo=UTC)
        then: dict[str, Said] = {}
        for step in random_history(seed, runs=3):
            at = deliver(home.lake, step, at)
            home.run(step.as_of.isoformat())
            then[step.as_of.isoformat()] = said(home)
            for evening, rows in then.items():
                where = f"history {seed}: as known on {evening}, asked on {step.as_of}"
                assert as_known(home, evening) == rows, where
        corrected += home.query("select count(*) from marts.tag_history where known_to is not null")[0][0]
    assert corrected > 0, "nothing that was said was ever corrected: nothing was compared"


def test_days_that_pass__are_no_correction(home: DbtHome) -> None:
    """One order, then silence: 新客 ends, 沉睡 begins, and every row is known from when it was first said."""
    home.clear()
    load_order(home.lake, "1", "a", 3, FIRST)
    for day in ("2026-05-05", "2026-06-01", "2026-06-02"):
        home.run(day)
    stages = (
        "select tag_value, valid_from::text, valid_to::text, known_from::text, known_to::text "
        "from marts.tag_history "
    )
    assert home.query(stages + "where tag_code = 'lifecycle_stage' order by valid_from") == [
        ("新客", "2026-05-03", "2026-06-02", "2026-05-05", None),
        ("沉睡", "2026-06-02", None, "2026-06-02", None),
    ]


def test_late_order__corrects_from_the_evening_it_was_known(home: DbtHome) -> None:
    """And going back in time takes back what was known later; nothing is left of it."""
    home.clear()
    load_order(home.lake, "1", "a", 10, FIRST)
    home.run("2026-05-20")
    before = home.query("from marts.tag_history")
    load_order(home.lake, "2", "a", 4, SECOND)
    home.run("2026-05-21")
    stages = "select tag_value, valid_from::text, known_from::text, known_to::text from marts.tag_history "
    assert home.query(stages + "where tag_code = 'lifecycle_stage' order by valid_from, known_from") == [
        ("新客", "2026-05-04", "2026-05-21", None),
        ("新客", "2026-05-10", "2026-05-20", "2026-05-21"),
        ("活跃", "2026-05-10", "2026-05-21", None),
    ]
    home.run("2026-05-20", known_at=f"{FIRST:%Y%m%dT%H%M%S%f}Z")
    assert sorted(home.query("from marts.tag_history"), key=str) == sorted(before, key=str)


def test_deleted_warehouse__remembers_from_the_published_copy(home: DbtHome) -> None:
    """What was said on earlier evenings stands in no lake: the last published copy brings it back."""
    home.clear()
    load_order(home.lake, "1", "a", 10, FIRST)
    home.run("2026-05-20")
    load_order(home.lake, "2", "a", 4, SECOND)
    home.run("2026-05-21")
    rows = home.query("from marts.tag_history")
    folder = home.home / "published" / "current"
    folder.mkdir(parents=True)
    try:
        _export(home.warehouse, folder / "tag_history.parquet")
        home.warehouse.unlink()
        home.run("2026-05-21")
        assert sorted(home.query("from marts.tag_history"), key=str) == sorted(rows, key=str)
    finally:
        shutil.rmtree(folder.parent)


def _export(warehouse: Path, target: Path) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as db:
        db.execute(f"copy marts.tag_history to '{target}' (format parquet)")
