"""Raw streams as assets: one step per channel fetches, judges and admits its streams for a business day.

The gate's checks do not block in Dagster's sense, on purpose: one dbt step depends on all raw streams, so a
block there would stop every channel for the fault of one. The block is the admission -- a held load never
becomes visible to dbt (see ``orchestration.landing``).
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from common.lake import Lake
from common.settings import Settings
from common.streams import CHANNELS, STREAMS, Stream, streams_of
from orchestration.assets.checks import ADVISORY, CRITICAL, advisory_result, critical_result
from orchestration.home import claim
from orchestration.landing import StreamResult, land

WAIT_FOR_OTHER_RUN_SECONDS = 900.0

IngestEvent = dg.MaterializeResult[None]


def raw_key(stream: Stream) -> dg.AssetKey:
    """Return the asset key of a raw stream: what dagster-dbt calls the dbt source of the same name."""
    return dg.AssetKey([stream.channel, stream.name])


def ingest_assets(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Return one multi-asset per channel."""
    return [_channel_assets(settings, channel, partitions) for channel in CHANNELS]


def quarantine_spec() -> dg.AssetSpec:
    """Return the stream of refused rows, which every channel writes to and no step owns."""
    return dg.AssetSpec(
        raw_key(STREAMS["quarantine/rows"]),
        group_name="quarantine",
        kinds={"parquet"},
        description="Rows that broke their contract, with the reason and the source line.",
    )


def identity_specs() -> list[dg.AssetSpec]:
    """Return the streams that reviewers and the matcher write by command; no step of the daily job brings them."""
    return [
        dg.AssetSpec(
            raw_key(stream), group_name="identity", kinds={"parquet"}, description=_IDENTITY[stream.name]
        )
        for stream in streams_of("identity")
        if stream.name in _IDENTITY
    ]


def _channel_assets(
    settings: Settings, channel: str, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    streams = {raw_key(stream): stream for stream in streams_of(channel)}

    @dg.multi_asset(
        name=f"ingest_{channel}",
        specs=[
            dg.AssetSpec(
                key,
                group_name=channel,
                kinds={"parquet"},
                description=f"{_SHAPE[stream.complete]} of {stream.key}, as received, in the lake.",
            )
            for key, stream in streams.items()
        ],
        check_specs=[_check_spec(key, name) for key in streams for name in (CRITICAL, ADVISORY)],
        partitions_def=partitions,
        can_subset=True,
    )
    def ingest(context: dg.AssetExecutionContext) -> Iterator[IngestEvent]:
        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        wanted = [stream for key, stream in streams.items() if key in context.selected_asset_keys]
        day = dt.date.fromisoformat(context.partition_key)
        selected = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
        for result in land(settings, Lake(settings.lake_dir), wanted, day):
            if raw_key(result.stream) in context.selected_asset_keys:
                yield _materialized(settings, result, selected)

    return ingest


def _check_spec(key: dg.AssetKey, name: str) -> dg.AssetCheckSpec:
    what = {
        CRITICAL: "A load that fails is held: it stays out of the lake.",
        ADVISORY: "Warns and lets pass.",
    }
    return dg.AssetCheckSpec(name, asset=key, description=what[name])


def _materialized(
    settings: Settings, result: StreamResult, selected: set[tuple[dg.AssetKey, str]]
) -> IngestEvent:
    key = raw_key(result.stream)
    metadata: dict[str, Any] = {
        name: result.total(name) for name in ("rows", "changed", "deleted", "quarantined")
    }
    loads = [report.load_id for report in result.reports if report.load_id]
    optional = {
        "load_id": ", ".join(loads),
        "held": "; ".join(result.held_reasons),
        "not_fetched": result.error,
        "note": result.note,
        "schema_drift": "; ".join(result.drift),
    }
    metadata |= {name: value for name, value in optional.items() if value}
    checks = [
        critical_result(key, result.verdicts, error=result.error or "; ".join(result.held_reasons) or None),
        advisory_result(key, result.verdicts),
    ]
    return dg.MaterializeResult(
        asset_key=key,
        metadata=metadata,
        check_results=[each for each in checks if (key, each.check_name) in selected],
    )


_SHAPE = {True: "Every state", False: "Every version"}
_IDENTITY = {
    "decisions": "Reviewers' verdicts on pairs of identifiers, by `siyu review` or from a file.",
    "suggestions": "Pairs of identifiers that may be one person, by `siyu suggest identities`.",
}
