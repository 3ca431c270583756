"""The claim of the house: after any history of runs, every mart equals a rebuild from the lake, row for row."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.exactness.histories import Step, deliver, histories

SHARDS = 8
HISTORIES_PER_SHARD = int(os.environ.get("SIYU_TEST_HISTORIES", "3"))


@pytest.fixture(scope="module")
def dbt_home(tmp_path_factory: pytest.TempPathFactory) -> DbtHome:
    home = tmp_path_factory.mktemp("home")
    return DbtHome(home)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_incremental_runs__equal_one_rebuild(dbt_home: DbtHome, shard: int) -> None:
    checked = []

    @seed(20261121 + shard)
    @settings(
        max_examples=HISTORIES_PER_SHARD,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def compare(steps: list[Step]) -> None:
        differences = run_both_ways(dbt_home, steps)
        assert not {table: count for table, count in differences.items() if count}, [
            step.as_of for step in steps
        ]
        checked.append(sum(len(rows) for step in steps for _, rows in step.loads))

    compare()
    assert len(checked) == HISTORIES_PER_SHARD
    assert sum(checked) > 0


def run_both_ways(dbt_home: DbtHome, steps: list[Step]) -> dict[str, int]:
    """Run a history day by day, then once from nothing; return the differing rows per table."""
    dbt_home.clear()
    at = dt.datetime(2026, 6, 1, tzinfo=UTC)
    for step in steps:
        at = deliver(dbt_home.lake, step, at)
        dbt_home.run(step.as_of.isoformat())
    kinds = dbt_home.query("select is_rebuild from meta.run_log order by run_no")
    assert kinds == [(True,)] + [(False,)] * (len(steps) - 1), (
        "a later run was a rebuild: nothing was compared"
    )
    step_by_step = dbt_home.put_warehouse_aside("step_by_step")
    dbt_home.run(steps[-1].as_of.isoformat())
    return differing_rows(step_by_step, dbt_home.warehouse)
