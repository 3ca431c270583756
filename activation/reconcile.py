"""Settles what is in doubt: an intent without a receipt is believed only after looking at the destination."""

from __future__ import annotations

from collections import Counter

from activation import store
from activation.contracts import (
    RELATION_ENDED,
    Change,
    Destination,
    Order,
    Outcome,
    PlanStatus,
    ReadBack,
    Receipt,
)
from activation.destinations import build
from activation.ledger import Ledger
from activation.messages.base import MessageDestination
from activation.messages.moment import present
from activation.messages.settling import settle_messages
from activation.plan_status import final_status
from activation.policy import load_policy
from common.clock import utc_now
from common.settings import Settings

_SETTLED = {
    ReadBack.IN_EFFECT: (Outcome.SENT, None),
    ReadBack.NOT_IN_EFFECT: (Outcome.NOT_SENT, "retry_later"),
    ReadBack.RELATION_ENDED: (Outcome.REFUSED, RELATION_ENDED),
}


def reconcile(settings: Settings, segment_code: str, destination: str) -> Counter[str]:
    """Read back every row in doubt at one destination of one segment; return how many got which outcome.

    Reads the outside world, so it is for live runs. Nothing is called when nothing is in doubt.

    Raises:
        ApplierBusyError: another living process is sending there.
        ActivationError: the destination could not be read; the rows stay in doubt.
    """
    target = build(destination, settings, load_policy())
    try:
        with Ledger(settings) as ledger, ledger.exclusive(segment_code, destination):
            return settle(settings, ledger, target, segment_code)
    finally:
        target.close()


def settle(settings: Settings, ledger: Ledger, destination: Destination, segment_code: str) -> Counter[str]:
    """Like ``reconcile``, for a caller that already is the only sender: what is still "sending" has died."""
    if isinstance(destination, MessageDestination):
        return settle_messages(ledger, destination, segment_code, present(settings))
    total: Counter[str] = Counter()
    with ledger.reading() as db:
        unfinished = store.plans_of(
            db, segment_code, destination.name, [PlanStatus.SENDING, PlanStatus.IN_DOUBT]
        )
    for plan in unfinished:
        with ledger.writing() as db:
            changes = store.unsettled_changes(db, plan.plan_id, destination)
            segment = store.segment_of(db, plan.plan_id)
            in_doubt = [(each, Receipt(each.row_key, Outcome.IN_DOUBT)) for each in changes]
            store.write_receipts(db, plan, in_doubt, settled_by="recovery")
            store.set_status(db, plan.plan_id, PlanStatus.IN_DOUBT)
        answers: dict[str, ReadBack] = {}
        if changes:
            answers = destination.read_back(Order(segment, plan.as_of, (), plan.plan_id), changes)
        receipts = [(each, _receipt(each, answers)) for each in changes if each.row_key in answers]
        with ledger.writing() as db:
            store.write_receipts(db, plan, receipts, settled_by="read_back")
            total.update(str(receipt.outcome) for _, receipt in receipts)
            status = final_status(plan, store.outcomes_of(db, plan.plan_id))
            store.set_status(db, plan.plan_id, status, finished_at=utc_now())
    return total


def _receipt(change: Change, answers: dict[str, ReadBack]) -> Receipt:
    answer = answers[change.row_key]
    outcome, code_class = _SETTLED[answer]
    return Receipt(change.row_key, outcome, None, code_class, f"read back: {answer}")
