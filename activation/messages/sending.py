"""Sends a plan of messages call by call: intents and the last look at the caps in one transaction, call, receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from activation import store
from activation.contracts import Change, DestinationStoppedError, Outcome, Plan, Receipt
from activation.ledger import Ledger
from activation.messages import record
from activation.messages.base import Batch, MessageDestination
from activation.messages.ration import Ration

# Memory holds one plan's rows; customers are reached by the ten thousands a day, not by the millions.
_ALL = 10_000_000


def send_messages(
    ledger: Ledger,
    plan: Plan,
    rows: Callable[[int], Iterator[list[Change]]],
    destination: MessageDestination,
    ration: Callable[[], Ration],
) -> str | None:
    """Send the rows of a plan; return why it stopped early, if it did.

    ``rows`` gives the changes; ``ration`` the rules as of the moment it is called. A row that may not be sent any
    more gets the receipt ``not_sent`` with the reason; it comes again with a later plan.
    """
    changes = [each for chunk in rows(_ALL) for each in chunk]
    for batch in destination.batches(plan.plan_id, changes):
        allowed = _intend(ledger, plan, batch, ration())
        if allowed is None:
            return "quiet hours have begun; the rest was not sent, plan again after them"
        if not allowed.changes:
            continue
        stopped = None
        try:
            receipts = destination.send_batch(allowed)
        except DestinationStoppedError as error:
            stopped = str(error)
            receipts = [
                Receipt(each.row_key, Outcome.NOT_SENT, None, "stopped", stopped) for each in allowed.changes
            ]
        keep_receipts(ledger, plan, allowed.changes, receipts, ration(), settled_by="answer")
        if stopped:
            return stopped
    return None


def keep_receipts(
    ledger: Ledger,
    plan: Plan,
    changes: tuple[Change, ...],
    receipts: list[Receipt],
    ration: Ration,
    *,
    settled_by: str,
) -> None:
    """Write what became of rows: their outcome, and what the platform calls them."""
    by_key = {each.row_key: each for each in changes}
    pairs = [(by_key[each.row_key], each) for each in receipts]
    with ledger.writing() as db:
        store.write_receipts(db, plan, pairs, settled_by=settled_by)
        record.write_results(db, plan.plan_id, pairs, ration.now)


def _intend(ledger: Ledger, plan: Plan, batch: Batch, ration: Ration) -> Batch | None:
    """Write the intents of one call; return what of it may be sent, None when nobody may be reached any more.

    The write lock is held from the count to the intents: two senders cannot both use up the last place of a cap.
    """
    if ration.is_quiet:
        return None
    with ledger.writing() as db:
        withheld = ration.over(db, batch.changes)
        store.write_intents(db, plan, batch.changes)
        held = [
            (
                each,
                Receipt(each.row_key, Outcome.NOT_SENT, None, withheld[each.row_key], "not allowed any more"),
            )
            for each in batch.changes
            if each.row_key in withheld
        ]
        store.write_receipts(db, plan, held, settled_by="ration")
        allowed = tuple(each for each in batch.changes if each.row_key not in withheld)
        if allowed:
            record.write_touches(db, plan, allowed, batch.batch_id, ration.now)
    return Batch(batch.batch_id, allowed)
