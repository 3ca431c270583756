"""What all destinations of messages share. One of them is a small class: whom it reaches, one call, its results."""

from __future__ import annotations

import datetime as dt
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from activation.contracts import (
    Action,
    Change,
    Channel,
    DestinationStoppedError,
    Estimate,
    Observed,
    Order,
    Outcome,
    ReadBack,
    Receipt,
    Segment,
    Values,
)
from activation.messages.content import Words
from activation.messages.due import DUE
from activation.messages.journeys import Sop, load_sop
from activation.messages.record import Sent
from activation.policy import Policy
from activation.wecom_client import (
    STOPPING_CLASSES,
    NotSentError,
    UnknownOutcomeError,
    WecomClient,
    WecomRefusedError,
    stopped,
)
from common.settings import Settings


@dataclass(frozen=True)
class Batch:
    """The rows of one call. ``batch_id`` is ours; it travels in the message, so that it can be known again."""

    batch_id: str
    changes: tuple[Change, ...]

    @property
    def sender(self) -> str:
        return str(self.changes[0].values["sender"])

    @property
    def receivers(self) -> list[str]:
        return [str(each.values["receiver"]) for each in self.changes]


class MessageDestination(ABC):
    """A destination of messages (see ``activation.contracts.Destination``); ``send`` makes one call per batch."""

    name: str
    channel: Channel
    receivers: str
    """Query of segment_code, customer_id, receiver_id, sender, receiver, added_at, value_fen."""
    to_groups = False
    most_per_call: int
    relation = DUE
    key_columns: tuple[str, ...] = ("touch_code", "occasion", "receiver_id")
    value_columns: tuple[str, ...] = ("sender", "receiver", "content_code", "variant_code", "content_digest")
    checked_columns: tuple[str, ...] = ()
    chunk_rows: int | None = None
    needs_members = False
    removes = False
    can_look_up = True
    """Whether a call in doubt can be looked for there. Without it the row is ``unknown`` for good in the end."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self.settings, self.policy = settings, policy
        self._client: WecomClient | None = None

    @cached_property
    def sop(self) -> Sop:
        """The journeys and their content, read once."""
        return load_sop()

    @property
    def client(self) -> WecomClient:
        if self._client is None:
            self._client = self.connect()
        return self._client

    def connect(self) -> WecomClient:
        """Return the platform's client."""
        return WecomClient(self.settings, self.policy.wecom_tags)

    # -- one small file per kind says these ----------------------------------------------------

    def call_of(self, change: Change) -> tuple[str, ...]:
        """Return what rows of one call have in common."""
        return tuple(
            str(change.values[name]) for name in ("touch_code", "occasion", "content_digest", "sender")
        )

    @abstractmethod
    def post(self, batch: Batch, words: Words) -> list[Receipt]:
        """Make one call; a receipt per row. Raises the client's errors when there is no good answer."""

    @abstractmethod
    def find(
        self, batches: Sequence[Batch], since: dt.datetime, until: dt.datetime, taken: set[str]
    ) -> dict[str, list[str]]:
        """Look for what was made between two instants; return the references by batch id, oldest first.

        By the mark of ours that is in it, whosever batch that is; what bears no mark by its words and receivers,
        for the ``batches`` in doubt, and never one that is ``taken`` by another call. An empty list says that it
        cannot be told yet.
        """

    @abstractmethod
    def results(self, reference: str, rows: Sequence[Sent]) -> Iterator[Receipt]:
        """Yield the receipts that there are by now for rows of one reference; none for rows that still wait."""

    def cancel(self, reference: str) -> None:  # noqa: B027 - where nothing waits, nothing is taken back
        """Take back what was not sent yet; raises the client's errors."""

    def names_message(self, reference: str) -> bool:
        """Whether a reference is the message's own, so that another one of the same mark is a second message."""
        return True

    # -- the same for all ------------------------------------------------------------------------

    def words_of(self, change: Change) -> Words:
        """Return what is said to one row."""
        content = self.sop.content[str(change.values["content_code"])]
        return content.words(str(change.values["variant_code"]))

    def batches(self, plan_id: str, changes: Iterable[Change]) -> Iterator[Batch]:
        """Yield the calls that the rows of a plan make; the same rows always make the same calls."""
        groups: dict[tuple[str, ...], list[Change]] = {}
        for each in sorted(changes, key=lambda each: each.row_key):
            groups.setdefault(self.call_of(each), []).append(each)
        for _, rows in sorted(groups.items()):
            for start in range(0, len(rows), self.most_per_call):
                some = tuple(rows[start : start + self.most_per_call])
                told = "\n".join([plan_id, *(each.row_key for each in some)])
                yield Batch(hashlib.sha256(told.encode()).hexdigest()[:20], some)

    def send_batch(self, batch: Batch) -> list[Receipt]:
        """Make one call and say what became of each row.

        Raises:
            DestinationStoppedError: the platform refuses us as a whole; nothing of this call was done.
        """
        try:
            return self.post(batch, self.words_of(batch.changes[0]))
        except WecomRefusedError as error:
            if error.code_class in STOPPING_CLASSES:
                raise stopped(error) from None
            return _all(batch, Outcome.REFUSED, str(error.code), error.code_class, error.message)
        except NotSentError as error:
            return _all(batch, Outcome.NOT_SENT, None, "retry_later", str(error))
        except UnknownOutcomeError as error:
            return _all(batch, Outcome.IN_DOUBT, None, "unknown", str(error))

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Make the calls one after the other; see ``activation.messages.sending`` for who writes what down."""
        for batch in self.batches(order.plan_id, changes):
            yield from self.send_batch(batch)

    def check(self, segment: Segment) -> None:
        """Raise ContentError when journeys or content are wrong."""
        assert self.sop is not None

    def check_values(self, values: Iterable[Values]) -> None:  # noqa: B027
        """No columns are asked to be checked."""

    def estimate(self, rows: int) -> Estimate:
        """At least one call per ``most_per_call`` rows, and as many to ask for the results."""
        calls = 2 * -(-rows // self.most_per_call)
        return Estimate(calls, round(calls * self.policy.messages.seconds_per_call / 60, 2))

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Raise DestinationStoppedError when the platform is not configured."""
        assert self.client is not None

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Messages are settled by ``activation.messages.settling``, which knows their calls."""
        raise DestinationStoppedError(f"{self.name}: settle messages with activation.messages.settling")

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """What was said is not a state that could be read back whole."""
        return None

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()


def _all(batch: Batch, outcome: Outcome, code: str | None, code_class: str, message: str) -> list[Receipt]:
    return [Receipt(each.row_key, outcome, code, code_class, message) for each in batch.changes]
