"""The claim of the house: after any history of runs, every mart equals a rebuild from the lake, row for row."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.exactness.histories import Step, deliver, histories, one_of_everything

SHARDS = 7
HISTORIES_PER_SHARD = int(os.environ.get("SIYU_TEST_HISTORIES", "3"))
# The long suite: a thousand histories more, ten to a test.
LONG_SHARDS = range(SHARDS, SHARDS + int(os.environ.get("SIYU_LONG_HISTORIES", "1000")) // 10)


@pytest.mark.parametrize(
    "shard", [*range(SHARDS), *(pytest.param(shard, marks=pytest.mark.long) for shard in LONG_SHARDS)]
)
def test_incremental_runs__equal_one_rebuild(home: DbtHome, shard: int) -> None:
    checked = []
    count = HISTORIES_PER_SHARD if shard < SHARDS else 10

    @seed(20261121 + shard)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def compare(steps: list[Step]) -> None:
        differences = run_both_ways(home, steps)
        assert not {table: count for table, count in differences.items() if count}, [
            step.as_of for step in steps
        ]
        checked.append(sum(len(rows) for step in steps for _, rows in step.loads))

    compare()
    assert len(checked) == count
    assert sum(checked) > 0


def run_both_ways(home: DbtHome, steps: list[Step]) -> dict[str, int]:
    """Run a history day by day, then once from nothing; return the differing rows per table."""
    home.clear()
    at = dt.datetime(2026, 1, 1, tzinfo=UTC)
    for step in steps:
        at = deliver(home.lake, step, at)
        home.run(step.as_of.isoformat())
    kinds = home.query("select is_rebuild from meta.run_log order by run_no")
    assert kinds == [(True,)] + [(False,)] * (len(steps) - 1), (
        "a later run was a rebuild: nothing was compared"
    )
    step_by_step = home.put_warehouse_aside("step_by_step")
    home.run(steps[-1].as_of.isoformat())
    return differing_rows(step_by_step, home.warehouse)


def test_histories__reach_every_fact(home: DbtHome) -> None:
    """An empty table equals an empty table: what histories never fill is never compared."""
    home.clear()
    step = one_of_everything(seed=20261122)
    deliver(home.lake, step, dt.datetime(2026, 1, 1, tzinfo=UTC))
    home.run(step.as_of.isoformat())
    facts = [
        name
        for (name,) in home.query(
            "select table_name from duckdb_tables() where schema_name = 'marts' and table_name like 'fct%'"
        )
    ]
    assert len(facts) >= 13
    empty = [name for name in facts if not home.query(f"select 1 from marts.{name} limit 1")]
    assert not empty
    codes = home.query("select count(distinct event_code) from marts.fct_events")
    assert codes == [(14,)]
    channels = {channel for (channel,) in home.query("select distinct channel_code from marts.fct_orders")}
    assert channels == {"miniprogram", "store", "video_account"}
