"""A segment with all its destinations: what the daily job does, and what is done by hand."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from activation.apply import apply_plan
from activation.contracts import (
    ActivationError,
    ApplierBusyError,
    ApplyReport,
    Plan,
    PlanDriftError,
    PlanNotApprovedError,
    PlanStatus,
)
from activation.messages.ration import QuietHoursError
from activation.plans import get_plan, make_plan
from activation.reconcile import reconcile
from common.settings import Settings


@dataclass(frozen=True)
class Planned:
    """What became of planning a segment; ``errors`` says, by destination, why there is no plan."""

    plans: list[Plan] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    settled: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows that had been in doubt, by destination and what they were found to be."""


def plan_segment(
    settings: Settings, segment_code: str, destinations: Iterable[str], *, as_of: dt.date
) -> Planned:
    """Make the plan of each destination; in live mode settle first what is in doubt, by reading it back.

    A destination that cannot be planned keeps none of the others from it.
    """
    planned = Planned()
    for destination in destinations:
        try:
            if settings.activation_mode == "live":
                planned.settled[destination] = reconcile(settings, segment_code, destination)
            planned.plans.append(make_plan(settings, segment_code, destination, as_of=as_of))
        except ActivationError as error:
            planned.errors[destination] = f"{type(error).__name__}: {error}"
    return planned


def apply_plans(settings: Settings, plan_ids: Iterable[str]) -> list[ApplyReport]:
    """Apply plans in the configured mode; one that must not be applied is reported, not raised."""
    return [_apply(settings, get_plan(settings, plan_id)) for plan_id in plan_ids]


def _apply(settings: Settings, plan: Plan) -> ApplyReport:
    try:
        return apply_plan(settings, plan.plan_id, mode=settings.activation_mode)
    except ActivationError as error:
        status = {
            ApplierBusyError: "busy",
            PlanNotApprovedError: PlanStatus.NEEDS_APPROVAL,
            PlanDriftError: PlanStatus.SUPERSEDED,
            QuietHoursError: "quiet_hours",
        }.get(type(error), "failed")
        return ApplyReport(
            plan.segment_code, plan.destination, settings.activation_mode, status, plan, reason=str(error)
        )
