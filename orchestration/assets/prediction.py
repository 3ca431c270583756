"""Prediction models as an asset: trained now and then by a job of its own, never by the daily one.

Its key is that of the dbt source, so the graph shows which scores hang on it. It reads the lake, by replays.
"""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from common.settings import Settings
from orchestration.assets.checks import ADVISORY, CRITICAL, advisory_result, critical_result
from orchestration.assets.ingest import IngestEvent, raw_key
from orchestration.training import Trained, train_models
from prediction.versions import PREDICTION_MODELS, Version

TRAIN_JOB = "train_predictions"
GROUP = "prediction"
MODELS_KEY = raw_key(PREDICTION_MODELS)

# What the features are made of first of all; the replays read every stream.
_ORDERS = ("miniprogram/orders", "store/orders", "video_account/shop_orders")


class TrainingConfig(dg.Config):
    """What may be asked of a training; empty means: the last complete day, everything there is in the lake."""

    as_of: str = ""
    """Business day to train as of, like 2026-11-20."""
    known_at: str = ""
    """Look at the lake as it was known then: a load id, or an instant with its offset."""
    history_loaded_by: str = ""
    """What was loaded up to this business day counts as known all along; default: the day of the first load."""


def prediction_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return the asset that trains models and lands their versions."""

    @dg.multi_asset(
        name=TRAIN_JOB,
        specs=[
            dg.AssetSpec(
                MODELS_KEY,
                group_name=GROUP,
                deps=[dg.AssetKey(key.split("/")) for key in _ORDERS],
                kinds={"parquet", "lightgbm"},
                description="Prediction model versions (预测模型版本): back-tested, promoted or not, in the lake.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(CRITICAL, asset=MODELS_KEY, description="Versions that fail are held."),
            dg.AssetCheckSpec(ADVISORY, asset=MODELS_KEY, description="Warns and lets pass."),
        ],
    )
    def prediction_models(context: dg.AssetExecutionContext, config: TrainingConfig) -> Iterator[IngestEvent]:
        trained = train_models(
            settings,
            as_of=_day(config.as_of),
            known_at=config.known_at or None,
            history_loaded_by=_day(config.history_loaded_by),
            line=context.log.info,
        )
        verdicts = [each for result in trained.landed for each in result.verdicts]
        held = [reason for result in trained.landed for reason in result.held_reasons]
        yield dg.MaterializeResult(
            asset_key=MODELS_KEY,
            metadata=metadata_of(trained),
            check_results=[
                critical_result(MODELS_KEY, verdicts, error="; ".join(held) or None),
                advisory_result(MODELS_KEY, verdicts),
            ],
        )

    return prediction_models


def training_automation(settings: Settings) -> tuple[Any, dg.ScheduleDefinition]:
    """Return the job that trains, and its monthly schedule, switched off unless ``SIYU_SCHEDULES`` is true."""
    job = dg.define_asset_job(
        TRAIN_JOB,
        selection=dg.AssetSelection.assets(MODELS_KEY),
        description="Trains the prediction models on replays of past days.",
        tags={"dagster/max_runtime": str(settings.max_runtime_seconds)},
        executor_def=dg.in_process_executor,
    )
    status = dg.DefaultScheduleStatus.RUNNING if settings.schedules else dg.DefaultScheduleStatus.STOPPED
    return job, dg.ScheduleDefinition(
        name="train_predictions_monthly",
        job=job,
        cron_schedule="0 5 2 * *",
        execution_timezone=settings.business_timezone,
        default_status=status,
        description="05:00 on the second of a month, when the daily job is through.",
    )


def metadata_of(trained: Trained) -> dict[str, Any]:
    """Return what the UI shows of a training: a line per model, its measures, and the plots."""
    from orchestration.prediction_plots import plots_of

    training = trained.training
    metadata: dict[str, Any] = {
        "as_of": training.as_of.isoformat(),
        "known_load_id": training.known_load_id,
        "promoted": [version.name for version in training.versions if version.is_promoted],
        "verdicts": dg.MetadataValue.md(_verdicts(training.versions, training.not_tried)),
    }
    for version in training.versions:
        metadata[f"{version.model_code}/measures"] = dg.MetadataValue.json(_without_parts(version.metrics))
        plots = plots_of(version.model_code, version.metrics)
        if plots:
            metadata[f"{version.model_code}/plots"] = dg.MetadataValue.md(plots)
    return metadata


def _verdicts(versions: tuple[Version, ...], not_tried: dict[str, str]) -> str:
    lines = ["| model | customers tested | verdict |", "|---|---|---|"]
    lines += [f"| {each.model_code} | {each.test_count:,} | {each.reason} |" for each in versions]
    lines += [f"| {code} | - | not tried: {reason} |" for code, reason in not_tried.items()]
    return "\n".join(lines)


def _without_parts(metrics: dict[str, Any]) -> dict[str, Any]:
    """The plots show the ten parts; the rest are single numbers."""
    kept = {
        name: {key: value for key, value in each.items() if key != "tenths"}
        if isinstance(each, dict)
        else each
        for name, each in metrics.items()
    }
    return dict(json.loads(json.dumps(kept)))


def _day(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
