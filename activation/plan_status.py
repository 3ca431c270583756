"""The status of a plan that was sent, by what became of its rows."""

from __future__ import annotations

from activation.contracts import Outcome, Plan, PlanStatus


def final_status(plan: Plan, outcomes: dict[str, int]) -> PlanStatus:
    """Return ``sent`` only when every row of the plan was; rows that never got an intent count as refused."""
    if outcomes.get(Outcome.IN_DOUBT) or outcomes.get(Outcome.PENDING):
        return PlanStatus.IN_DOUBT
    if outcomes.get(Outcome.WAITING):
        return PlanStatus.WAITING
    return PlanStatus.SENT if outcomes.get(Outcome.SENT, 0) == plan.rows else PlanStatus.REFUSED
