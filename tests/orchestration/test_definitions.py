"""What Dagster is told: the shape of the graph, which edges block, and what starts by itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from common.settings import Settings
from common.streams import CHANNELS, streams_of
from orchestration.assets.activate import plan_key, sync_key
from orchestration.assets.checks import ADVISORY, CRITICAL, PAYLOAD
from orchestration.assets.ingest import raw_key
from orchestration.assets.published import PUBLISHED_KEY
from orchestration.assets.warehouse import RAW_KEYS, SiyuTranslator, group_of
from orchestration.daily import JOB_NAME, channels_in_use, run_config
from orchestration.definitions import build_definitions
from orchestration.project import declared_segments


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Settings(home=tmp_path_factory.mktemp("definitions")))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> dg.AssetGraph:  # type: ignore[name-defined]
    return definitions.resolve_asset_graph()


def test_raw_streams__are_the_only_roots_and_feed_dbt(graph: dg.AssetGraph) -> None:  # type: ignore[name-defined]
    assert set(graph.root_materializable_asset_keys) == set(RAW_KEYS)
    for stream in (stream for channel in CHANNELS for stream in streams_of(channel)):
        node = graph.get(raw_key(stream))
        assert node.group_name == stream.channel
        assert node.child_keys, f"{stream.key} feeds nothing"


def test_source_tests_as_checks__stay_off() -> None:
    """On, dagster-dbt puts a check of its own on each raw asset, and Dagster drops the edge to dbt."""
    assert SiyuTranslator().settings.enable_source_tests_as_checks is False


def test_every_raw_stream__has_both_checks_and_none_of_dbt(definitions: dg.Definitions) -> None:
    names: dict[dg.AssetKey, set[str]] = {}
    for key in definitions.resolve_asset_graph().asset_check_keys:
        names.setdefault(key.asset_key, set()).add(key.name)
    for key in RAW_KEYS:
        assert names[key] == {CRITICAL, ADVISORY}


def test_segments__are_sent_only_after_their_own_blocking_check(graph: dg.AssetGraph) -> None:  # type: ignore[name-defined]
    segments = declared_segments()
    assert len(segments) >= 3
    for segment in segments:
        check = graph.get(dg.AssetCheckKey(plan_key(segment.code), PAYLOAD))
        assert check.blocking
        assert graph.get(sync_key(segment.code)).parent_keys == {plan_key(segment.code)}
        assert dg.AssetKey(["marts", "segments"]) in graph.get(plan_key(segment.code)).parent_keys


def test_published__waits_for_tables_and_not_for_segments(graph: dg.AssetGraph) -> None:  # type: ignore[name-defined]
    parents = graph.get(PUBLISHED_KEY).parent_keys
    assert dg.AssetKey(["marts", "dim_customers"]) in parents
    assert not {key for key in parents if key.path[0] in ("plan", "sync")}


def test_published__is_the_last_step_of_the_job(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(JOB_NAME)
    priorities = {node.name: node.tags.get("dagster/priority") for node in job.graph.nodes}
    assert priorities.pop("published__current") == "-1000"
    assert set(priorities.values()) == {None}
    assert job.executor_def.name == "in_process"


def test_job__leaves_out_channels_that_nothing_can_come_through(
    definitions: dg.Definitions, tmp_path: Path
) -> None:
    """They are in the graph all the same, to be looked at and materialised by hand."""
    job = definitions.resolve_job_def(JOB_NAME)
    ingesting = {node.name for node in job.graph.nodes if node.name.startswith("ingest_")}
    assert ingesting == {"ingest_miniprogram", "ingest_store", "ingest_personal_wechat"}
    credentials = {"wecom_corp_id": "wwcorp", "wecom_secret": "planted", "shop_callback_token": "planted"}
    configured = channels_in_use(Settings(_env_file=None, home=tmp_path, **credentials))
    assert configured == ["video_account", "miniprogram", "wecom", "store", "personal_wechat"]


def test_automation__is_off_unless_asked_for(definitions: dg.Definitions, tmp_path: Path) -> None:
    schedule = definitions.resolve_schedule_def("daily_at_0230")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "30 2 * * *"
    assert schedule.execution_timezone == "Asia/Shanghai"
    weekly = definitions.resolve_schedule_def("read_back_on_sundays")
    assert (weekly.job_name, weekly.default_status) == ("read_back", dg.DefaultScheduleStatus.STOPPED)
    assert definitions.resolve_sensor_def("stale_runs").default_status == dg.DefaultSensorStatus.RUNNING
    switched_on = build_definitions(Settings(home=tmp_path, schedules=True))
    assert (
        switched_on.resolve_schedule_def("daily_at_0230").default_status == dg.DefaultScheduleStatus.RUNNING
    )
    assert switched_on.resolve_sensor_def("missed_days").default_status == dg.DefaultSensorStatus.RUNNING


def test_group_of__is_the_layer_or_the_subject() -> None:
    assert group_of(["siyu", "staging", "wecom", "stg_wecom__staff"]) == "staging"
    assert group_of(["siyu", "intermediate", "identity", "int_identity__edges"]) == "identity"
    assert group_of(["siyu", "marts", "tags", "customer_tags"]) == "tags"
    assert group_of(["siyu", "activation", "act_file__segment_members"]) == "activation"


def test_run_config__asks_only_for_what_was_asked() -> None:
    assert run_config() == {}
    found = run_config(as_of=dt.date(2017, 12, 31), full_refresh=True)
    assert found == {"ops": {"warehouse": {"config": {"as_of": "2017-12-31", "full_refresh": True}}}}
