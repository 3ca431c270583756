"""Applies exactly one approved plan: intent, call, receipt. A dry run stops before anything leaves."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from activation import store
from activation.contracts import (
    ActivationError,
    ApplierBusyError,
    ApplyReport,
    Change,
    Destination,
    DestinationStoppedError,
    Order,
    Plan,
    PlanDriftError,
    PlanExpiredError,
    PlanNotApprovedError,
    PlanStateError,
    PlanStatus,
    PlanTamperedError,
    Receipt,
)
from activation.destinations import build
from activation.diff import hash_changes
from activation.ledger import Ledger
from activation.payloads import read_payload
from activation.plans import Draft, draft_plan, get_plan, make_plan
from activation.policy import Policy, load_policy
from activation.reconcile import final_status, reconcile, settle
from common.clock import utc_now
from common.settings import Settings

MODES = ("dry_run", "live")


def apply_plan(settings: Settings, plan_id: str, *, mode: str = "dry_run") -> ApplyReport:
    """Apply exactly this plan. ``live`` sends; ``dry_run`` makes no call and leaves the plan as it is.

    Rows that the destination refuses are kept with code and class and come again with the next plan.

    Raises:
        PlanStateError: the plan must not be applied; its subclasses and the text say why (not approved,
            expired, drifted, tampered with, or not open any more).
        ApplierBusyError: another living process is sending there.
        ActivationError: the destination could not be made ready (nothing was sent).
        ValueError: unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {MODES}, got {mode!r}")
    started, policy = time.monotonic(), load_policy()
    target = build(get_plan(settings, plan_id).destination, settings, policy)
    try:
        with Ledger(settings) as ledger:
            if mode == "dry_run":
                plan, _ = _check(settings, ledger, plan_id, target, policy)
                run_id = _start(ledger, plan, mode)
                report = ApplyReport(
                    plan.segment_code, plan.destination, mode, plan.status, plan, reason=plan.reason
                )
                _finish(ledger, run_id, report)
            else:
                report = _apply_live(settings, ledger, plan_id, target, policy)
        return replace(report, seconds=time.monotonic() - started)
    finally:
        target.close()


def sync_segment(
    settings: Settings,
    segment_code: str,
    destinations: Iterable[str],
    *,
    as_of: dt.date,
    mode: str = "dry_run",
) -> list[ApplyReport]:
    """Settle what is in doubt (live only), plan and apply each destination of a segment; one report each.

    A destination that cannot be served gets a report that says why; the others are served all the same.

    Raises:
        ValueError: unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {MODES}, got {mode!r}")
    return [_sync(settings, segment_code, each, as_of, mode) for each in destinations]


def _sync(settings: Settings, segment_code: str, destination: str, as_of: dt.date, mode: str) -> ApplyReport:
    settled: Counter[str] = Counter()
    plan: Plan | None = None
    try:
        if mode == "live":
            settled = reconcile(settings, segment_code, destination)
        plan = make_plan(settings, segment_code, destination, as_of=as_of)
        report = apply_plan(settings, plan.plan_id, mode=mode)
        return replace(report, settled=report.settled + settled)
    except ActivationError as error:
        status = {
            ApplierBusyError: "busy",
            PlanNotApprovedError: PlanStatus.NEEDS_APPROVAL,
            PlanDriftError: PlanStatus.SUPERSEDED,
        }.get(type(error), "failed")
        return ApplyReport(segment_code, destination, mode, status, plan, settled=settled, reason=str(error))


def _apply_live(
    settings: Settings, ledger: Ledger, plan_id: str, destination: Destination, policy: Policy
) -> ApplyReport:
    with ledger.reading() as db:
        plan = store.load_plan(db, plan_id)
    with ledger.exclusive(plan.segment_code, plan.destination):
        settled = settle(ledger, destination, plan.segment_code)
        plan, draft = _check(settings, ledger, plan_id, destination, policy)
        if plan.status == PlanStatus.NEEDS_APPROVAL:
            raise PlanNotApprovedError(
                f"plan {plan_id} needs approval ({plan.reason}); siyu approve {plan_id}"
            )
        order = Order(draft.segment, plan.as_of, draft.members)
        if draft.diff.changes:
            destination.prepare(order, draft.diff.changes)
        _claim(ledger, plan)
        run_id = _start(ledger, plan, "live")
        reason = _send(ledger, plan, order, draft.diff.changes, destination)
        with ledger.writing() as db:
            outcomes, refusals = store.outcomes_of(db, plan_id), store.refusals_of(db, plan_id)
            status = final_status(plan, outcomes)
            store.set_status(db, plan_id, status, finished_at=utc_now())
            plan = store.load_plan(db, plan_id)
        report = ApplyReport(
            plan.segment_code,
            plan.destination,
            "live",
            status,
            plan,
            Counter(outcomes),
            Counter(refusals),
            settled,
            reason=reason,
        )
        _finish(ledger, run_id, report)
        return report


def _check(
    settings: Settings, ledger: Ledger, plan_id: str, destination: Destination, policy: Policy
) -> tuple[Plan, Draft]:
    """Return the plan and the diff as of now, which are the same; or say why the plan must not be applied."""
    with ledger.reading() as db:
        plan, rows = store.load_plan(db, plan_id), store.rows_of(db, plan_id)
    if plan.status not in store.OPEN_STATUSES:
        raise PlanStateError(f"plan {plan_id} is {plan.status}: only an open plan can be applied; plan again")
    if hash_changes(plan.segment_code, plan.destination, rows) != plan.plan_hash:
        _close(ledger, plan, PlanStatus.SUPERSEDED)
        raise PlanTamperedError(f"plan {plan_id}: its rows do not match its hash; it was altered, plan again")
    if plan.expires_at <= utc_now():
        _close(ledger, plan, PlanStatus.EXPIRED)
        raise PlanExpiredError(f"plan {plan_id} expired at {plan.expires_at.isoformat()}; plan again")
    payload = read_payload(settings, plan.segment_code, destination)
    with ledger.reading() as db:
        draft = draft_plan(db, payload, destination, policy)
    if draft.plan_hash != plan.plan_hash:
        _close(ledger, plan, PlanStatus.SUPERSEDED)
        raise PlanDriftError(
            f"plan {plan_id} has {plan.rows} rows to send, now it would be {len(draft.diff.changes)} or "
            "others: the data or the destination changed since it was made; plan again"
        )
    return plan, draft


def _claim(ledger: Ledger, plan: Plan) -> None:
    """Take the plan; the write lock lets only one of two appliers do so."""
    approval = (
        {"approved_by": "policy", "approved_at": utc_now()} if plan.status == PlanStatus.PLANNED else {}
    )
    with ledger.writing() as db:
        if not store.set_status(db, plan.plan_id, PlanStatus.SENDING, only_from=[plan.status], **approval):
            raise PlanStateError(
                f"plan {plan.plan_id} was taken by another run; nothing was sent by this one"
            )


def _send(
    ledger: Ledger, plan: Plan, order: Order, changes: list[Change], destination: Destination
) -> str | None:
    """Send chunk by chunk; return why the destination stopped us, if it did."""
    size = destination.chunk_rows or max(len(changes), 1)
    for start in range(0, len(changes), size):
        chunk = {each.row_key: each for each in changes[start : start + size]}
        with ledger.writing() as db:
            store.write_intents(db, plan, list(chunk.values()))
        waiting: list[tuple[Change, Receipt]] = []
        stopped = None
        try:
            for receipt in destination.send(order, list(chunk.values())):
                waiting.append((chunk.pop(receipt.row_key), receipt))
                if destination.chunk_rows:
                    _keep(ledger, plan, waiting)
        except DestinationStoppedError as error:
            stopped = str(error)
        _keep(ledger, plan, waiting)
        if chunk:
            raise ActivationError(
                f"{destination.name} gave no receipt for {len(chunk)} rows; they are in doubt until read back"
            )
        if stopped:
            return stopped
    return None


def _keep(ledger: Ledger, plan: Plan, waiting: list[tuple[Change, Receipt]]) -> None:
    if waiting:
        with ledger.writing() as db:
            store.write_receipts(db, plan, waiting, settled_by="answer")
        waiting.clear()


def _close(ledger: Ledger, plan: Plan, status: PlanStatus) -> None:
    with ledger.writing() as db:
        store.set_status(db, plan.plan_id, status, only_from=store.OPEN_STATUSES, finished_at=utc_now())


def _start(ledger: Ledger, plan: Plan, mode: str) -> str:
    run_id = uuid.uuid4().hex
    with ledger.writing() as db:
        store.start_run(db, run_id, plan, mode, utc_now())
    return run_id


def _finish(ledger: Ledger, run_id: str, report: ApplyReport) -> None:
    with ledger.writing() as db:
        store.finish_run(db, run_id, str(report.status), dict(report.outcomes), report.reason)
