"""What became of messages: calls in doubt are looked for, tasks handed to staff are asked about until their end.

A call in doubt is never made again. It is known again by the mark that travels in it (or by its words and receivers);
one that is not there ``doubt_minutes`` after it began never arrived. A second task of one call (a proxy that sent it
twice, a call that arrived after all) is taken back before staff send it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from activation import store
from activation.contracts import NOT_CONFIRMED, Outcome, Plan, PlanStatus, Receipt
from activation.ledger import Ledger
from activation.messages import record
from activation.messages.base import Batch, MessageDestination
from activation.messages.record import Sent
from activation.plan_status import final_status
from activation.wecom_client import NotSentError, UnknownOutcomeError, WecomRefusedError

_CLOCKS_DIFFER = dt.timedelta(hours=1)
_UNFINISHED = (PlanStatus.SENDING, PlanStatus.IN_DOUBT, PlanStatus.WAITING)
_FORGOTTEN_AFTER = dt.timedelta(days=3)


def settle_messages(
    ledger: Ledger,
    destination: MessageDestination,
    segment_code: str,
    now: dt.datetime,
    *,
    with_results: bool = True,
) -> Counter[str]:
    """Settle what can be settled at one destination of one segment; return how many rows got which outcome.

    The caller is the only sender: what is still being sent has died. Reads, and takes tasks back; sends nothing.
    Without ``with_results`` tasks that staff have are not asked about.

    Raises:
        ActivationError: the destination could not be read; the rows stay as they are.
    """
    keeper = _Keeper(ledger, destination, now)
    with ledger.reading() as db:
        plans = store.plans_of(db, segment_code, destination.name, _UNFINISHED)
        rows = record.unfinished(db, segment_code, destination.name, destination.key_columns)
    keeper.keep([each for each in rows if each.outcome == Outcome.PENDING], Outcome.IN_DOUBT, "recovery")
    if with_results:
        _ask_results(keeper, [each for each in rows if each.outcome == Outcome.WAITING])
    doubtful = [each for each in rows if each.outcome != Outcome.WAITING]
    waiting = [each for each in rows if each.outcome == Outcome.WAITING]
    if destination.can_look_up:
        with ledger.reading() as db:
            known = record.references(db, destination.name, segment_code, now - _FORGOTTEN_AFTER)
        _look_up(keeper, doubtful, waiting, known)
    else:
        limit = dt.timedelta(days=destination.policy.messages.unknown_after_days)
        old = [each for each in doubtful if now - each.intended_at >= limit]
        keeper.keep(old, Outcome.UNKNOWN, "given_up", message="no platform can tell; taken for sent")
    with ledger.writing() as db:
        for plan in plans:
            status = final_status(plan, store.outcomes_of(db, plan.plan_id))
            if status != plan.status:
                store.set_status(db, plan.plan_id, status, finished_at=now)
    return keeper.total


class _Keeper:
    """Writes receipts of rows of several plans."""

    def __init__(self, ledger: Ledger, destination: MessageDestination, now: dt.datetime) -> None:
        self.ledger, self.destination, self.now = ledger, destination, now
        self.total: Counter[str] = Counter()
        self._plans: dict[str, Plan] = {}

    def keep(
        self,
        rows: Iterable[Sent],
        outcome: Outcome,
        settled_by: str,
        *,
        code_class: str | None = None,
        reference: str | None = None,
        message: str | None = None,
    ) -> None:
        """Give all rows the same outcome."""
        pairs = [
            (each, Receipt(each.change.row_key, outcome, None, code_class, message, reference))
            for each in rows
        ]
        self.keep_receipts(pairs, settled_by)

    def keep_receipts(self, pairs: list[tuple[Sent, Receipt]], settled_by: str) -> None:
        """Write receipts and count the final ones."""
        if not pairs:
            return
        by_plan = defaultdict(list)
        for row, receipt in pairs:
            by_plan[row.plan_id].append((row.change, receipt))
        with self.ledger.writing() as db:
            for plan_id, some in by_plan.items():
                plan = self._plans.setdefault(plan_id, store.load_plan(db, plan_id))
                store.write_receipts(db, plan, some, settled_by=settled_by)
                record.write_results(db, plan_id, some, self.now)
        if settled_by != "recovery":
            self.total.update(str(receipt.outcome) for _, receipt in pairs)


def _look_up(
    keeper: _Keeper, doubtful: list[Sent], waiting: list[Sent], known: dict[str, str | None]
) -> None:
    """Find the calls in doubt, and second tasks of calls whose task is known, or that were found never made."""
    if not doubtful and not known:
        return
    batches = _batches(doubtful)
    oldest = min((each.intended_at for each in doubtful), default=keeper.now)
    found = keeper.destination.find(
        [Batch(key, tuple(each.change for each in rows)) for key, rows in batches.items()],
        min(oldest, keeper.now - _FORGOTTEN_AFTER) - _CLOCKS_DIFFER,
        keeper.now + _CLOCKS_DIFFER,
        {reference for reference in known.values() if reference},
    )
    for key, rows in batches.items():
        _believe(keeper, rows, found.get(key))
    handed_out = _batches(waiting)
    for key, references in found.items():
        if not references or (key not in batches and key not in known):
            continue
        mine = references[0] if key in batches else known[key]
        if mine is not None and not keeper.destination.names_message(mine):
            # Two of one job are the same to everybody: the first is kept.
            mine = references[0]
            keeper.keep(handed_out.get(key, []), Outcome.WAITING, "read_back", reference=mine)
        _take_back(keeper, [each for each in references if each != mine])


def _believe(keeper: _Keeper, rows: list[Sent], references: list[str] | None) -> None:
    """Take a call for made when it is there, and for never made when it is not there after long enough."""
    patience = dt.timedelta(minutes=keeper.destination.policy.messages.doubt_minutes)
    if references:
        told = "read back: it was made"
        keeper.keep(rows, Outcome.WAITING, "read_back", reference=references[0], message=told)
        _ask_results(keeper, [replace(each, reference=references[0]) for each in rows])
    elif references is None and keeper.now - rows[0].intended_at >= patience:
        told = "read back: never made"
        keeper.keep(rows, Outcome.NOT_SENT, "read_back", code_class="retry_later", message=told)


def _take_back(keeper: _Keeper, references: list[str]) -> None:
    for each in references:
        try:
            keeper.destination.cancel(each)
        except (WecomRefusedError, NotSentError, UnknownOutcomeError):
            continue  # the next run tries again


def _ask_results(keeper: _Keeper, waiting: list[Sent]) -> None:
    """Ask for the results of every task; take back what staff did not send in time."""
    by_reference: dict[str, list[Sent]] = defaultdict(list)
    for each in waiting:
        if each.reference:
            by_reference[each.reference].append(each)
    patience = dt.timedelta(days=keeper.destination.policy.messages.cancel_after_days)
    for reference, rows in by_reference.items():
        left = _ask_one(keeper, reference, rows)
        if not left or keeper.now - rows[0].intended_at < patience:
            continue
        try:
            keeper.destination.cancel(reference)
        except (NotSentError, UnknownOutcomeError):
            continue
        except WecomRefusedError as error:
            if error.code_class != "cancelled":
                raise
        left = _ask_one(keeper, reference, left)
        keeper.keep(
            left,
            Outcome.REFUSED,
            "cancelled",
            code_class=NOT_CONFIRMED,
            message="staff did not send it in time",
        )


def _ask_one(keeper: _Keeper, reference: str, rows: list[Sent]) -> list[Sent]:
    """Keep the receipts that there are; return the rows that still wait."""
    by_key = {each.change.row_key: each for each in rows}
    try:
        receipts = list(keeper.destination.results(reference, rows))
    except WecomRefusedError as error:
        if error.code_class != "not_ready":
            raise
        return rows
    keeper.keep_receipts([(by_key[each.row_key], each) for each in receipts], "read_back")
    done = {each.row_key for each in receipts if each.outcome != Outcome.WAITING}
    return [each for each in rows if each.change.row_key not in done]


def _batches(rows: Iterable[Sent]) -> dict[str, list[Sent]]:
    found: dict[str, list[Sent]] = defaultdict(list)
    for each in rows:
        found[each.batch_id].append(each)
    return found
