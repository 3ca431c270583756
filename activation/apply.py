"""Applies exactly one approved plan: intent, call, receipt. A dry run stops before anything leaves."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from activation import store
from activation.contracts import (
    ActivationError,
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
from activation.diff import hash_rows
from activation.drafts import Draft, drafting
from activation.ledger import Ledger
from activation.messages.base import MessageDestination
from activation.messages.moment import present
from activation.messages.sending import send_messages
from activation.messages.settling import settle_messages
from activation.plan_status import final_status
from activation.plans import get_plan
from activation.policy import Policy, load_policy
from activation.reconcile import settle
from common.clock import utc_now
from common.settings import Settings
from common.warehouse import connect

MODES = ("dry_run", "live")

# Receipts wait so long for others: the disk takes as long to confirm one as twenty. Those of a killed applier are
# read back like any other intent of its chunk.
_KEEP_SECONDS = 0.1


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
            run = _apply_live if mode == "live" else _rehearse
            report = run(settings, ledger, plan_id, target, policy)
        warnings = tuple(getattr(target, "warnings", ()))  # few destinations have any
        return replace(report, seconds=time.monotonic() - started, warnings=warnings)
    finally:
        target.close()


def _rehearse(
    settings: Settings, ledger: Ledger, plan_id: str, destination: Destination, policy: Policy
) -> ApplyReport:
    plan = _open_plan(ledger, plan_id)
    with _as_of_now(settings, ledger, plan, destination, policy):
        run_id = _start(ledger, plan, "dry_run")
        report = ApplyReport(
            plan.segment_code, plan.destination, "dry_run", plan.status, plan, reason=plan.reason
        )
        _finish(ledger, run_id, report)
        return report


def _apply_live(
    settings: Settings, ledger: Ledger, plan_id: str, destination: Destination, policy: Policy
) -> ApplyReport:
    with ledger.reading() as db:
        plan = store.load_plan(db, plan_id)
    with ledger.exclusive(plan.segment_code, plan.destination):
        settled = settle(settings, ledger, destination, plan.segment_code)
        plan = _open_plan(ledger, plan_id)
        with _as_of_now(settings, ledger, plan, destination, policy) as draft:
            if plan.status == PlanStatus.NEEDS_APPROVAL:
                raise PlanNotApprovedError(
                    f"plan {plan_id} needs approval ({plan.reason}); siyu approve {plan_id}"
                )
            if draft is not None:
                order = Order(draft.segment, plan.as_of, draft.members, plan_id)
                destination.prepare(order, draft.diff.counts)
            _claim(ledger, plan)
            run_id = _start(ledger, plan, "live")
            if draft is None:
                reason = None
            elif isinstance(destination, MessageDestination):
                reason = _send_messages(settings, ledger, plan, draft, destination)
            else:
                reason = _send(ledger, plan, order, draft, destination)
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


def _open_plan(ledger: Ledger, plan_id: str) -> Plan:
    """Return the plan as it was made and as it may be applied today; or say why it must not be."""
    with ledger.reading() as db:
        plan, parts = store.load_plan(db, plan_id), store.parts_of(db, plan_id)
    if plan.status not in store.OPEN_STATUSES:
        raise PlanStateError(f"plan {plan_id} is {plan.status}: only an open plan can be applied; plan again")
    if plan.rows and _hash_parts(parts) != plan.plan_hash:
        _close(ledger, plan, PlanStatus.SUPERSEDED)
        raise PlanTamperedError(f"plan {plan_id}: its rows do not match its hash; it was altered, plan again")
    if plan.expires_at <= utc_now():
        _close(ledger, plan, PlanStatus.EXPIRED)
        raise PlanExpiredError(f"plan {plan_id} expired at {plan.expires_at.isoformat()}; plan again")
    return plan


@contextmanager
def _as_of_now(
    settings: Settings, ledger: Ledger, plan: Plan, destination: Destination, policy: Policy
) -> Iterator[Draft | None]:
    """Give the diff as of now, which is the plan's own; or say why the plan must not be applied.

    None for a plan that sends nothing: there is nothing to compare, and most plans of a quiet day are like that.
    """
    if not plan.rows:
        yield None
        return
    with drafting(settings, ledger, plan.segment_code, destination, policy) as draft:
        if draft.ration is not None:
            draft.ration.refuse_quiet()  # not drift: the plan is as good as before when they are over
        if draft.diff.content_hash != plan.plan_hash:
            _close(ledger, plan, PlanStatus.SUPERSEDED)
            raise PlanDriftError(
                f"plan {plan.plan_id} has {plan.rows} rows to send, now it would be {draft.diff.rows} or "
                "others: the data or the destination changed since it was made; plan again"
            )
        yield draft


def _hash_parts(parts: list[bytes]) -> str | None:
    """Return the hash over the rows as they were saved, None when they are no rows at all."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="siyu-plan-") as folder, connect() as db:
        for number, part in enumerate(parts):
            (Path(folder) / f"{number}.parquet").write_bytes(part)
        try:
            return hash_rows(db, Path(folder) / "*.parquet")
        except duckdb.Error:
            return None


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


def _send(ledger: Ledger, plan: Plan, order: Order, draft: Draft, destination: Destination) -> str | None:
    """Send chunk by chunk; return why the destination stopped us, if it did."""
    for changes in draft.rows.chunks(destination.chunk_rows or max(len(draft.rows), 1)):
        chunk = {each.row_key: each for each in changes}
        _intend(ledger, plan, changes)
        waiting: list[tuple[Change, Receipt]] = []
        stopped, kept_at = None, time.monotonic()
        try:
            for receipt in destination.send(order, list(chunk.values())):
                waiting.append((chunk.pop(receipt.row_key), receipt))
                if destination.chunk_rows and time.monotonic() - kept_at >= _KEEP_SECONDS:
                    _keep(ledger, plan, waiting)
                    kept_at = time.monotonic()
        except DestinationStoppedError as error:
            stopped = str(error)
        finally:  # whatever went wrong: what is known of these rows is written
            _keep(ledger, plan, waiting)
        if chunk:
            raise ActivationError(
                f"{destination.name} gave no receipt for {len(chunk)} rows; they are in doubt until read back"
            )
        if stopped:
            return stopped
    return None


def _send_messages(
    settings: Settings, ledger: Ledger, plan: Plan, draft: Draft, destination: MessageDestination
) -> str | None:
    ration = draft.ration
    assert ration is not None
    try:
        reason = send_messages(
            ledger, plan, draft.rows.chunks, destination, lambda: replace(ration, now=present(settings))
        )
    except sa.exc.IntegrityError:
        raise _taken(plan) from None
    # At once, before staff press send: a task that a proxy doubled is taken back, one in doubt is found.
    with suppress(ActivationError):
        settle_messages(ledger, destination, plan.segment_code, present(settings), with_results=False)
    return reason


def _taken(plan: Plan) -> ActivationError:
    return ActivationError(
        f"plan {plan.plan_id}: another run intends to send some of the same rows; these were not sent, "
        "plan again when it has ended"
    )


def _intend(ledger: Ledger, plan: Plan, changes: list[Change]) -> None:
    try:
        with ledger.writing() as db:
            store.write_intents(db, plan, changes)
    except sa.exc.IntegrityError:
        raise _taken(plan) from None


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
