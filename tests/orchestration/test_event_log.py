"""The kept event log: the same files as Dagster's own, whatever is kept open."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from common.settings import Settings
from common.warehouse import connect, reading
from orchestration import home
from orchestration.event_log import KeptSqliteEventLog
from orchestration.home import claim, keep_open, open_instance, release

NAMES = ["first", "second", "third", "fourth", "fifth"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path / "home")


def materialize(instance: dg.DagsterInstance, name: str) -> str:
    @dg.asset(name=name)
    def made() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"name": name})

    return dg.materialize([made], instance=instance).run_id


def test_events__are_where_dagsters_own_log_finds_them(settings: Settings) -> None:
    with open_instance(settings) as instance:
        assert isinstance(instance.event_log_storage, KeptSqliteEventLog)
        runs = {name: materialize(instance, name) for name in NAMES}  # more runs than engines are kept
        told = {name: [event.message for event in instance.all_logs(run)] for name, run in runs.items()}
    own = SqliteEventLogStorage(str(settings.dagster_home / "history" / "runs"))
    for name, run in runs.items():
        assert [event.message for event in own.get_logs_for_run(run)] == told[name]
        assert told[name]
    assert {key.to_user_string() for key in own.all_asset_keys()} == set(NAMES)


def test_two_instances__see_each_others_events(settings: Settings) -> None:
    with open_instance(settings) as one, open_instance(settings) as other:
        for name in NAMES:
            materialize(one, name)
            seen = other.get_latest_materialization_event(dg.AssetKey(name))
            assert seen is not None
            assert seen.asset_materialization is not None
            assert seen.asset_materialization.metadata["name"].value == name
            one, other = other, one


def test_wiped_log__takes_new_events(settings: Settings) -> None:
    with open_instance(settings) as instance:
        materialize(instance, "before")
        instance.wipe()
        assert list(instance.all_asset_keys()) == []
        materialize(instance, "after")
    with open_instance(settings) as instance:
        assert [key.to_user_string() for key in instance.all_asset_keys()] == ["after"]


def test_warehouse__is_kept_open_until_the_claim_is_given_back(settings: Settings) -> None:
    keep_open(settings)  # without a claim it does nothing
    claim(settings)
    with connect(settings.warehouse_path) as db:
        db.execute("create table known as select 1 as n")
    keep_open(settings)
    keep_open(settings)
    assert settings.home in home._kept_open
    with reading(settings) as db:
        assert db.execute("select n from known").fetchall() == [(1,)]
    release(settings)
    assert settings.home not in home._kept_open
    with connect(settings.warehouse_path) as db:  # a writer finds nobody in its way
        db.execute("create table more as select 2 as n")
