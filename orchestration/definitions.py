"""Everything Dagster knows about Siyu. Loading it imports neither Great Expectations nor pandas."""

from __future__ import annotations

import dagster as dg

from common.settings import Settings, load_settings
from orchestration.assets.activate import activation_assets
from orchestration.assets.ingest import identity_specs, ingest_assets, quarantine_spec
from orchestration.assets.prediction import prediction_asset, training_automation
from orchestration.assets.published import published_asset
from orchestration.assets.warehouse import table_keys, warehouse_assets
from orchestration.automation import automation
from orchestration.daily import daily_job, daily_partitions
from orchestration.dbt_run import prepare_manifest
from orchestration.progress import progress_logger
from orchestration.project import declared_segments
from orchestration.read_back import read_back_job
from orchestration.touches import messages_job, messages_schedule


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of one home. Parses the dbt project first if it changed."""
    manifest = prepare_manifest(settings)
    segments = declared_segments()
    job = daily_job(settings)
    read_back = read_back_job(settings)
    messages = messages_job(settings, segments)
    schedules, sensors = automation(settings, job, read_back)
    training_job, training_schedule = training_automation(settings)
    return dg.Definitions(
        assets=[
            quarantine_spec(),
            *identity_specs(),
            prediction_asset(settings),
            *ingest_assets(settings, daily_partitions(settings)),
            warehouse_assets(settings, manifest),
            *activation_assets(settings, segments),
            published_asset(settings, manifest, segments, table_keys(manifest)),
        ],
        jobs=[job, read_back, messages, training_job],
        schedules=[*schedules, messages_schedule(settings, messages), training_schedule],
        sensors=sensors,
        executor=dg.in_process_executor,
        loggers={"progress": progress_logger, "console": dg.colored_console_logger},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the home that ``SIYU_HOME`` names."""
    return build_definitions(load_settings())
