"""The daily job: everything, for one business day, from the channels to the published copy."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg

from common.settings import Settings
from common.streams import CHANNELS, STREAMS
from orchestration.assets.prediction import MODELS_KEY
from orchestration.assets.warehouse import OP_NAME

JOB_NAME = "daily"


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the business days from the first day on; a day is there when it is over in the business zone."""
    after_last = settings.last_day + dt.timedelta(days=1) if settings.last_day else None
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_day.isoformat(),
        end_date=after_last.isoformat() if after_last else None,
        timezone=settings.business_timezone,
    )


def channels_in_use(settings: Settings) -> list[str]:
    """Return the channels that something can come through: an app is configured, callbacks are, or files may."""
    from ingestion.callbacks.endpoints import ENDPOINTS
    from ingestion.fetch import configured_streams

    streams = [STREAMS[key] for key in configured_streams(settings)]
    streams += [each.stream for each in ENDPOINTS if each.wanted(settings)]
    streams += [stream for stream in STREAMS.values() if not stream.holds_records]
    in_use = {stream.channel for stream in streams}
    return [channel for channel in CHANNELS if channel in in_use]


def daily_job(settings: Settings) -> Any:
    """Return the job over all assets but those of channels that nothing can come through.

    Every asset of a run writes a handful of events: a shop with file orders alone does not pay for WeChat.
    """
    unused = set(CHANNELS) - set(channels_in_use(settings))
    # Training is a job of its own, now and then.
    selection: dg.AssetSelection = dg.AssetSelection.all() - dg.AssetSelection.assets(MODELS_KEY)
    if unused:
        selection = selection - dg.AssetSelection.groups(*sorted(unused))
    return dg.define_asset_job(
        JOB_NAME,
        selection=selection,
        description="Channels, warehouse, segments and the published copy, for one business day.",
        tags={"dagster/max_runtime": str(settings.max_runtime_seconds)},
        executor_def=dg.in_process_executor,
    )


def run_config(
    *, as_of: dt.date | None = None, known_at: str | None = None, full_refresh: bool = False
) -> dict[str, Any]:
    """Return the run config that asks the warehouse step for a certain day, moment or rebuild."""
    asked: dict[str, Any] = {}
    if as_of is not None:
        asked["as_of"] = as_of.isoformat()
    if known_at is not None:
        asked["known_at"] = known_at
    if full_refresh:
        asked["full_refresh"] = True
    return {"ops": {OP_NAME: {"config": asked}}} if asked else {}
