"""Makes, shows and approves plans. Nothing here reaches a destination."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from dataclasses import replace

import pyarrow.compute as pc
import pyarrow.parquet as pq

from activation import store
from activation.contracts import (
    Action,
    Change,
    Destination,
    Plan,
    PlanExpiredError,
    PlanStateError,
    PlanStatus,
)
from activation.destinations import build
from activation.drafts import Draft, counts_of, drafting
from activation.ledger import Ledger
from activation.policy import Policy, load_policy
from activation.rows import change_of
from common.clock import utc_now
from common.settings import Settings


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
        with (
            Ledger(settings) as ledger,
            drafting(settings, ledger, segment_code, target, policy) as draft,
            ledger.writing() as db,
        ):
            store.forget_refusals(db, segment_code, destination, draft.diff.forget)
            plan = _new_plan(draft, target, policy, as_of)
            approval = None
            for older in store.plans_of(db, segment_code, destination, store.OPEN_STATUSES):
                if older.expires_at <= plan.created_at:
                    store.set_status(db, older.plan_id, PlanStatus.EXPIRED, finished_at=plan.created_at)
                elif older.plan_hash == plan.plan_hash and older.held == plan.held and older.as_of == as_of:
                    return older
                else:
                    store.set_status(db, older.plan_id, PlanStatus.SUPERSEDED, finished_at=plan.created_at)
                    if older.status == PlanStatus.APPROVED and older.plan_hash == plan.plan_hash:
                        approval = older.approved_by
            if approval:
                plan = replace(plan, status=PlanStatus.APPROVED, approved_by=approval)
            store.save_plan(db, plan, draft.segment, draft.parts())
            return plan
    finally:
        target.close()


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
    """Return the first rows of a plan that would be sent (or, ``held``, that would not, with the reason).

    Removals that the brake stops say so.

    Raises:
        PlanStateError: no plan has this id.
    """
    policy = load_policy()
    with Ledger(settings) as ledger, ledger.reading() as db:
        plan, parts = store.load_plan(db, plan_id), store.parts_of(db, plan_id)
    target = build(plan.destination, settings, policy)
    found: list[Change] = []
    for part in parts:
        is_held = pc.equal(pc.field("action"), Action.HELD.value)
        rows = pq.read_table(io.BytesIO(part), filters=is_held if held else ~is_held)
        found += [change_of(target.key_columns, row) for row in rows.slice(0, limit - len(found)).to_pylist()]
        if len(found) >= limit:
            break
    target.close()
    if not policy.brakes(removes=plan.removes, known=plan.known):
        return found
    return [replace(each, reason="brake") if each.action == Action.REMOVE else each for each in found]


def _new_plan(draft: Draft, destination: Destination, policy: Policy, as_of: dt.date) -> Plan:
    diff, now = draft.diff, utc_now()
    adds, changes, removes = counts_of(diff)
    objection = policy.objection(adds=adds, changes=changes, removes=removes, known=diff.known)
    cost = destination.estimate(diff.rows)
    segment = draft.segment
    return Plan(
        plan_id=f"{segment.code}.{destination.name}.{uuid.uuid4().hex[:10]}",
        segment_code=segment.code,
        destination=destination.name,
        status=PlanStatus.NEEDS_APPROVAL if objection else PlanStatus.PLANNED,
        plan_hash=diff.content_hash,
        as_of=as_of,
        created_at=now,
        expires_at=now + dt.timedelta(hours=policy.plan_valid_hours),
        adds=adds,
        changes=changes,
        removes=removes,
        unchanged=diff.unchanged,
        known=diff.known,
        held=diff.held,
        estimated_calls=cost.calls,
        estimated_minutes=cost.minutes,
        reason=objection,
    )
