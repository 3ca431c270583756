"""Makes, shows and approves plans. Nothing here reaches a destination."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace

import sqlalchemy as sa

from activation import store
from activation.contracts import (
    Action,
    Change,
    Destination,
    PayloadRow,
    Plan,
    PlanExpiredError,
    PlanStateError,
    PlanStatus,
    Segment,
)
from activation.destinations import build
from activation.diff import Diff, compare, hash_changes
from activation.ledger import Ledger
from activation.payloads import Payload, read_payload
from activation.policy import Policy, load_policy
from common.clock import utc_now
from common.settings import Settings


@dataclass(frozen=True)
class Draft:
    """A diff as of now, not yet a plan."""

    segment: Segment
    members: list[PayloadRow]
    diff: Diff
    plan_hash: str


def make_plan(settings: Settings, segment_code: str, destination: str, *, as_of: dt.date) -> Plan:
    """Compare a segment's payload with what is known to be at the destination; keep that as a plan.

    A plan still open with the same rows for the same day is returned as it is. An older open plan is
    superseded; its approval is carried over when the rows to send are the same. No calls are made.

    Raises:
        PayloadError: the warehouse holds no payload that can be sent.
        ActivationError: no such destination, or a wrong policy file.
    """
    policy = load_policy()
    target = build(destination, settings, policy)
    try:
        payload = read_payload(settings, segment_code, target)
        with Ledger(settings) as ledger, ledger.writing() as db:
            draft = draft_plan(db, payload, target, policy)
            store.forget_rows(db, segment_code, destination, draft.diff.forget)
            plan = _new_plan(draft, target, policy, as_of)
            approval = None
            for older in store.plans_of(db, segment_code, destination, store.OPEN_STATUSES):
                if older.expires_at <= plan.created_at:
                    store.set_status(db, older.plan_id, PlanStatus.EXPIRED, finished_at=plan.created_at)
                elif older.plan_hash == plan.plan_hash and older.as_of == as_of:
                    return older
                else:
                    store.set_status(db, older.plan_id, PlanStatus.SUPERSEDED, finished_at=plan.created_at)
                    if older.status == PlanStatus.APPROVED and older.plan_hash == plan.plan_hash:
                        approval = older.approved_by
            if approval:
                plan = replace(plan, status=PlanStatus.APPROVED, approved_by=approval)
            store.save_plan(db, plan, draft.segment, _rows(draft.diff, policy))
            return plan
    finally:
        target.close()


def draft_plan(db: sa.Connection, payload: Payload, destination: Destination, policy: Policy) -> Draft:
    """Compute the diff of a payload as of now, within the caller's transaction."""
    code = payload.segment.code
    known = store.known_rows(db, code, destination.name)
    diff = compare(
        payload.rows,
        known,
        holdouts=payload.holdouts,
        in_doubt=store.unsettled_keys(db, code, destination.name),
        retry_ended_since=utc_now() - dt.timedelta(days=policy.retry_ended_relation_after_days),
    )
    members = [each for each in payload.rows if each.customer_id not in payload.holdouts]
    return Draft(payload.segment, members, diff, hash_changes(code, destination.name, diff.changes))


def approve(settings: Settings, plan_id: str, by: str) -> Plan:
    """Let a plan pass; ``by`` is who says so and is kept.

    Raises:
        PlanStateError: no such plan, or it was sent, superseded or is being sent.
        PlanExpiredError: it is too old; plan again.
        ValueError: ``by`` is empty.
    """
    if not by.strip():
        raise ValueError("expected the name of who approves, got an empty text")
    with Ledger(settings) as ledger:
        with ledger.writing() as db:
            plan = store.load_plan(db, plan_id)
            now = utc_now()
            expired = plan.status in store.OPEN_STATUSES and plan.expires_at <= now
            if expired:
                store.set_status(db, plan_id, PlanStatus.EXPIRED, finished_at=now)
            elif not store.set_status(
                db,
                plan_id,
                PlanStatus.APPROVED,
                only_from=store.OPEN_STATUSES,
                approved_by=by,
                approved_at=now,
            ):
                raise PlanStateError(
                    f"plan {plan_id} is {plan.status}: only an open plan can be approved; plan again"
                )
        if expired:
            raise PlanExpiredError(f"plan {plan_id} expired at {plan.expires_at.isoformat()}; plan again")
        with ledger.reading() as db:
            return store.load_plan(db, plan_id)


def get_plan(settings: Settings, plan_id: str) -> Plan:
    """Return a plan.

    Raises:
        PlanStateError: no plan has this id.
    """
    with Ledger(settings) as ledger, ledger.reading() as db:
        return store.load_plan(db, plan_id)


def sample(settings: Settings, plan_id: str, *, limit: int = 10, held: bool = False) -> list[Change]:
    """Return the first rows of a plan that would be sent (or, ``held``, that would not, with the reason)."""
    with Ledger(settings) as ledger, ledger.reading() as db:
        return store.rows_of(db, plan_id, held=held, limit=limit)


def _new_plan(draft: Draft, destination: Destination, policy: Policy, as_of: dt.date) -> Plan:
    diff, now = draft.diff, utc_now()
    adds, changes, removes = (diff.count(each) for each in (Action.ADD, Action.CHANGE, Action.REMOVE))
    objection = policy.objection(adds=adds, changes=changes, removes=removes, known=diff.known)
    cost = destination.estimate(diff.changes)
    return Plan(
        plan_id=f"{draft.segment.code}.{destination.name}.{uuid.uuid4().hex[:10]}",
        segment_code=draft.segment.code,
        destination=destination.name,
        status=PlanStatus.NEEDS_APPROVAL if objection else PlanStatus.PLANNED,
        plan_hash=draft.plan_hash,
        as_of=as_of,
        created_at=now,
        expires_at=now + dt.timedelta(hours=policy.plan_valid_hours),
        adds=adds,
        changes=changes,
        removes=removes,
        unchanged=diff.unchanged,
        known=diff.known,
        held=diff.held_reasons,
        estimated_calls=cost.calls,
        estimated_minutes=cost.minutes,
        reason=objection,
    )


def _rows(diff: Diff, policy: Policy) -> list[Change]:
    """The rows to keep with the plan; removals that the brake stopped say so."""
    if not policy.brakes(removes=diff.count(Action.REMOVE), known=diff.known):
        return [*diff.changes, *diff.held]
    braked = [
        replace(each, reason="brake") if each.action == Action.REMOVE else each for each in diff.changes
    ]
    return [*braked, *diff.held]
