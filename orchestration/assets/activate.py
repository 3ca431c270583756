"""Segments going out: per segment a plan, the gate on its payload, and the sync that applies that very plan.

The gate's check blocks: a payload that fails stops its own segment and no other.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from common.settings import Settings
from orchestration.assets.checks import PAYLOAD, critical_result
from orchestration.assets.ingest import WAIT_FOR_OTHER_RUN_SECONDS
from orchestration.home import claim, keep_open
from orchestration.project import SegmentSpec
from orchestration.sending import PAYLOAD_TABLES, judge_payloads, plan_destinations

GROUP = "activation"
PayloadEvent = dg.MaterializeResult[None]


def plan_key(code: str) -> dg.AssetKey:
    """Return the key of a segment's plan asset."""
    return dg.AssetKey(["plan", code])


def sync_key(code: str) -> dg.AssetKey:
    """Return the key of a segment's sync asset."""
    return dg.AssetKey(["sync", code])


def activation_assets(settings: Settings, segments: list[SegmentSpec]) -> list[dg.AssetsDefinition]:
    """Return plan and sync of every declared segment."""
    return [
        asset for each in segments for asset in (_plan_asset(settings, each), _sync_asset(settings, each))
    ]


def _plan_asset(settings: Settings, segment: SegmentSpec) -> dg.AssetsDefinition:
    tables = [PAYLOAD_TABLES[name] for name in segment.destinations]

    @dg.asset(
        key=plan_key(segment.code),
        group_name=GROUP,
        deps=[dg.AssetKey(["marts", "segments"]), *(dg.AssetKey(["activation", table]) for table in tables)],
        check_specs=[dg.AssetCheckSpec(PAYLOAD, asset=plan_key(segment.code), blocking=True)],
        description=f"{segment.name_zh}: what would change at {', '.join(segment.destinations)}, row by row.",
        owners=[f"team:{segment.owner}"] if segment.owner else [],
        kinds={"sqlite"},
    )
    def plan(context: dg.AssetExecutionContext) -> Iterator[PayloadEvent]:
        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        keep_open(settings)
        planned = plan_destinations(settings, segment)
        plans, errors = planned.plans, planned.errors
        verdicts = judge_payloads(settings, segment, plans)
        metadata: dict[str, Any] = {each.destination: each.as_metadata() for each in plans}
        # A destination without a plan must not keep the others from going on: then the sync tells of it.
        error = "; ".join(errors.values()) if errors and not plans else None
        check = critical_result(
            plan_key(segment.code), verdicts, error=error, name=PAYLOAD, note="nothing to send"
        )
        yield dg.MaterializeResult(
            metadata={**metadata, "plan_ids": [each.plan_id for each in plans], "not_planned": errors},
            check_results=[check],
        )

    return plan


def _sync_asset(settings: Settings, segment: SegmentSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=sync_key(segment.code),
        group_name=GROUP,
        deps=[plan_key(segment.code)],
        description=f"{segment.name_zh}: the plan applied, with a receipt per row.",
        owners=[f"team:{segment.owner}"] if segment.owner else [],
    )
    def sync(context: dg.AssetExecutionContext) -> PayloadEvent:
        from activation.segments import apply_plans

        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        keep_open(settings)
        event = context.instance.get_latest_materialization_event(plan_key(segment.code))
        if event is None or event.asset_materialization is None:
            raise dg.Failure(
                f"segment {segment.code} has no plan yet; materialize {plan_key(segment.code)} first"
            )
        planned = event.asset_materialization.metadata
        reports = apply_plans(settings, planned["plan_ids"].value)
        for destination, why in planned["not_planned"].value.items():
            context.log.warning(f"{segment.code} -> {destination}: no plan ({why})")
        for report in reports:
            for warning in report.warnings:
                context.log.warning(f"{segment.code} -> {report.destination}: {warning}")
            if not report.ok:
                context.log.warning(
                    f"{segment.code} -> {report.destination}: {report.status} ({report.reason})"
                )
        return dg.MaterializeResult(metadata={each.destination: each.as_metadata() for each in reports})

    return sync
