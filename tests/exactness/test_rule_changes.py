"""Rules that change between the runs of a history: counted for all the past, or from a business day on.

What each run said stays readable as of its evening, and what is said at last is what the last rules say of everything.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.clock import UTC
from common.settings import DBT_PROJECT_DIR
from orchestration.rules.compiled import compile_rules
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.exactness.histories import Step, deliver, random_history
from tests.exactness.test_two_times import Said, as_known, said

SEEDS = [
    *range(1, 1 + int(os.environ.get("SIYU_TEST_HISTORIES", "1"))),
    *(
        pytest.param(seed, marks=pytest.mark.long)
        for seed in range(1001, 1001 + int(os.environ.get("SIYU_LONG_HISTORIES", "1000")) // 20)
    ),
]
TAG, SEGMENT = "purchase_frequency", "first_order_30_days"
# The shipped rules first, then a version from the third run's day on, which passes while nothing else changes, and at
# last one that counts for all the past.
RULES = ("shipped", "dated", "dated", "past")


def history(seed: int) -> list[Step]:
    """Four runs on four days."""
    steps = random_history(seed, runs=len(RULES))
    for number, step in enumerate(steps[1:]):
        step.as_of = max(step.as_of, steps[number].as_of + dt.timedelta(days=1))
    return steps


def project(folder: Path, name: str, day: dt.date) -> Path:
    """A copy of the dbt project in which one tag has a new version."""
    target = folder / f"{name}_{day}"
    shutil.copytree(DBT_PROJECT_DIR, target, ignore=shutil.ignore_patterns("target", "logs"))
    path = target / "rules" / "tags" / "buys.yml"
    tags = yaml.safe_load(path.read_text(encoding="utf-8"))
    (tag,) = [each for each in tags if each["code"] == TAG]
    before = {"version": tag["version"], "cases": tag["cases"]}
    above = {"feature": "orders_30d_count", "op": ">=", "value": 2}
    tag |= {
        "version": 2 if name == "dated" else 3,
        "cases": [_case("多单", above), _case("有单", {"has_tag": "lifecycle_stage"})],
    }
    if name == "dated":
        tag |= {"effective_from": day, "earlier": [before]}
    path.write_text(yaml.safe_dump(tags, allow_unicode=True), encoding="utf-8")
    path = target / "rules" / "segments.yml"
    segments = yaml.safe_load(path.read_text(encoding="utf-8"))
    (segment,) = [each for each in segments if each["code"] == SEGMENT]
    earlier = {"version": segment["version"], "when": segment["when"], "exclude": segment.get("exclude", [])}
    segment |= {"version": tag["version"], "when": {"has_tag": "lifecycle_stage"}, "exclude": [above]}
    if name == "dated":
        segment |= {"effective_from": day, "earlier": [earlier]}
    path.write_text(yaml.safe_dump(segments, allow_unicode=True), encoding="utf-8")
    assert compile_rules(target)
    return target


def _case(value: str, when: dict[str, Any]) -> dict[str, Any]:
    return {"value": value, "when": when}


@pytest.mark.parametrize("seed", SEEDS)
def test_histories_with_changed_rules__equal_one_rebuild(tmp_path: Path, seed: int) -> None:
    steps = history(seed)
    day = steps[2].as_of
    projects = {
        "shipped": DBT_PROJECT_DIR,
        **{name: project(tmp_path, name, day) for name in ("dated", "past")},
    }
    homes = {name: DbtHome(tmp_path / "home", project=path) for name, path in projects.items()}
    homes["shipped"].clear()
    at, then = dt.datetime(2026, 1, 1, tzinfo=UTC), {}
    for name, step in zip(RULES, steps, strict=True):
        home = homes[name]
        at = deliver(home.lake, step, at)
        home.run(step.as_of.isoformat())
        then[step.as_of.isoformat()] = said(home)
        for evening, rows in then.items():
            assert as_known(home, evening) == rows, f"as known on {evening}, asked on {step.as_of}"
    last = homes[RULES[-1]]
    assert last.query("select is_rebuild from meta.run_log order by run_no") == [
        (True,),
        (True,),
        (False,),
        (True,),
    ]
    _versions_counted_from(then, day)
    entered = last.query(f"select count(*) from marts.segment_history where segment_code = '{SEGMENT}'")
    assert entered > [(0,)]
    step_by_step = last.put_warehouse_aside("step_by_step")
    last.run(steps[-1].as_of.isoformat())
    assert not {
        table: count for table, count in differing_rows(step_by_step, last.warehouse).items() if count
    }


def _versions_counted_from(then: dict[str, Said], day: dt.date) -> None:
    """A version of all the past has all rows; one from a day on those from then on, the first one the others."""
    first, _, passed, past = then.values()
    for rows, expected in (
        (first, lambda valid_from: 1),
        (passed, lambda valid_from: 1 if valid_from < day else 2),
        (past, lambda valid_from: 3),
    ):
        found: list[tuple[Any, ...]] = [row for row in rows if row[1] == TAG]
        assert found or rows is first, "nobody carried the tag: nothing was compared"
        assert all(row[5] == expected(row[3]) for row in found)
