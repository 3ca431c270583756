"""What plans, changes and receipts are, and what every destination must offer.

A destination is one class that satisfies ``Destination``; everything about plans, approval, the ledger and
recovery is done around it, the same way for all of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Values = dict[str, str | int | None]


class ActivationError(RuntimeError):
    """Base of everything this room refuses to do; the text says what to do next."""


class PayloadError(ActivationError):
    """The warehouse does not hold a payload that can be sent (missing table, unknown segment, bad keys)."""


class PlanStateError(ActivationError):
    """The plan is not in a state that allows what was asked."""


class PlanNotApprovedError(PlanStateError):
    """The policy does not let this plan pass by itself and nobody approved it."""


class PlanExpiredError(PlanStateError):
    """The plan is older than the policy allows."""


class PlanDriftError(PlanStateError):
    """The data, or what is known to be at the destination, changed since the plan was made."""


class PlanTamperedError(PlanStateError):
    """The stored rows of the plan no longer match its hash."""


class ApplierBusyError(ActivationError):
    """Another living process is sending to this destination of this segment."""


class DestinationStoppedError(ActivationError):
    """The destination refuses us as a whole (wrong secret, no permission): going on makes it worse."""


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    HELD = "held"


class Outcome(StrEnum):
    """``pending`` is an intent without a receipt; ``not_sent`` is certain to have had no effect.

    Of messages: ``waiting`` is handed to staff who have not pressed send, which is not sent; ``unknown`` is
    final, for what no platform can tell any more: counted as if it had arrived, never sent again.
    """

    PENDING = "pending"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    SENT = "sent"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    IN_DOUBT = "in_doubt"


class PlanStatus(StrEnum):
    PLANNED = "planned"
    NEEDS_APPROVAL = "needs_approval"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class ReadBack(StrEnum):
    """What a destination says about one change whose outcome we do not know."""

    IN_EFFECT = "in_effect"
    NOT_IN_EFFECT = "not_in_effect"
    RELATION_ENDED = "relation_ended"


RELATION_ENDED = "relation_ended"
MEMBER_GONE = "member_gone"
# Refusals that come from life, not from a fault: the row has no receiver any more.
ENDED_CLASSES = frozenset({RELATION_ENDED, MEMBER_GONE})
CAP_REACHED, NOT_CONFIRMED, NO_QUOTA = "cap_reached", "not_confirmed", "no_quota"
# Refusals of one message that no later attempt at the same message will change.
SPENT_CLASSES = frozenset({CAP_REACHED, NOT_CONFIRMED, NO_QUOTA})


class Channel(StrEnum):
    """Where a customer may allow or deny to be reached; ``all`` stands for every one of them."""

    WECOM = "wecom"
    OFFICIAL = "official"
    FILE = "file"
    TOOLS = "tools"
    ALL = "all"


class Retry(StrEnum):
    """What a refusal means for later runs: try again, there is no use, or somebody must do something first.

    A row that needs a person is tried again too: that somebody did it shows in no other way.
    """

    LATER = "later"
    NEVER = "never"
    PERSON = "person"


def retry_of(code_class: str | None) -> Retry:
    """Return how rows refused with a code of this class are treated by later runs."""
    if code_class in ENDED_CLASSES | SPENT_CLASSES:
        return Retry.NEVER
    return Retry.LATER if code_class in ("retry_later", "stopped", "tag_library") else Retry.PERSON


@dataclass(frozen=True)
class Segment:
    """One segment as the warehouse declares it."""

    code: str
    name_zh: str
    destinations: tuple[str, ...]
    tag_group_name: str | None
    tag_name: str | None
    rule_version: str | None


@dataclass(frozen=True)
class Change:
    """One row of a plan.

    ``values`` are the key columns and the value columns of the destination, ``content`` the value columns as
    the JSON text that is compared; ``before`` and ``content_before`` are what the ledger knows to be there;
    ``reason`` says why the row is held or braked.
    """

    action: Action
    row_key: str
    customer_id: str
    values: Values
    content: str
    before: Values | None = None
    content_before: str | None = None
    reason: str | None = None


class Changes(Protocol):
    """The rows of a plan that are to be sent, in row key order; they may be more than fit into memory."""

    counts: Mapping[Action, int]

    def __len__(self) -> int: ...

    def chunks(self, size: int) -> Iterator[list[Change]]:
        """Yield all rows, at most so many at a time."""


class Members(Protocol):
    """What should be there in the end, in row key order."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Values]: ...


@dataclass(frozen=True)
class Receipt:
    """What became of one change. ``code`` is the destination's own code, ``code_class`` how we read it."""

    row_key: str
    outcome: Outcome
    code: str | None = None
    code_class: str | None = None
    message: str | None = None
    reference: str | None = None
    """What the destination calls the message that the row went with."""
    sent_at: dt.datetime | None = None
    """When the destination says that it arrived; None where it does not say."""


@dataclass(frozen=True)
class Estimate:
    calls: int
    minutes: float


@dataclass(frozen=True)
class Order:
    """What a destination is asked to bring about: ``members`` are all that should be there in the end.

    Only a destination with ``needs_members`` gets them; ``plan_id`` names the plan that is sent.
    """

    segment: Segment
    as_of: dt.date
    members: Members
    plan_id: str


@dataclass(frozen=True)
class Observed:
    """What a destination was seen to hold of one segment: content by row key.

    ``foreign`` are things in places of ours that no segment ever asked for, with how often they are there.
    """

    rows: Mapping[str, str]
    foreign: Mapping[str, int] = field(default_factory=dict)


class Destination(Protocol):
    """Where a segment can be sent. Only ``prepare``, ``send`` and ``read_back`` reach outside."""

    name: str
    channel: Channel
    relation: str
    key_columns: tuple[str, ...]
    """Columns of ``relation`` that name a row there; with a bar between them they are the row key."""
    value_columns: tuple[str, ...]
    """Columns of ``relation`` that may change while the row stays the same row."""
    checked_columns: tuple[str, ...]
    """Columns with few distinct values, which ``check_values`` looks at."""
    chunk_rows: int | None
    """Rows whose intents are written together before they are sent; None for all of them."""
    needs_members: bool
    removes: bool
    """Whether a row that is no longer asked for is taken away. A message cannot be, nor is it sent anew."""

    def check(self, segment: Segment) -> None:
        """Raise PayloadError when this segment must not or cannot go to this destination."""

    def check_values(self, values: Iterable[Values]) -> None:
        """Raise PayloadError when one of the distinct values of ``checked_columns`` must not leave."""

    def estimate(self, rows: int) -> Estimate:
        """Say what sending so many rows costs."""

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Get ready before any intent is written. Raises DestinationStoppedError or ActivationError."""

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Bring the changes about and yield exactly one receipt per change.

        Raises DestinationStoppedError, after the last receipt, when the destination refused us as a whole.
        """

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Look at the destination and say of each change (by row key) whether it is in effect."""

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """Look at everything that is there of one segment; None when the destination cannot be asked.

        ``ours`` are all segments that were ever planned for this destination.
        """

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class Plan:
    """A row-level diff that may be approved and applied, exactly as it stands, until it expires."""

    plan_id: str
    segment_code: str
    destination: str
    status: PlanStatus
    plan_hash: str
    as_of: dt.date
    created_at: dt.datetime
    expires_at: dt.datetime
    adds: int
    changes: int
    removes: int
    unchanged: int
    known: int
    held: dict[str, int]
    estimated_calls: int
    estimated_minutes: float
    reason: str | None = None
    approved_by: str | None = None

    @property
    def rows(self) -> int:
        """Rows that would be sent."""
        return self.adds + self.changes + self.removes

    @property
    def is_empty(self) -> bool:
        return self.rows == 0

    def as_metadata(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "plan_id": self.plan_id, "segment": self.segment_code, "destination": self.destination,
            "status": str(self.status), "as_of": self.as_of.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "adds": self.adds, "changes": self.changes, "removes": self.removes, "unchanged": self.unchanged,
            "held": sum(self.held.values()), "held_reasons": dict(self.held),
            "estimated_calls": self.estimated_calls, "estimated_minutes": self.estimated_minutes,
            "reason": self.reason, "approved_by": self.approved_by,
        }  # fmt: skip


@dataclass(frozen=True)
class ApplyReport:
    """What applying did (live) or would do (dry_run). ``status`` is the plan's, or ``busy`` or ``failed``."""

    segment_code: str
    destination: str
    mode: str
    status: str
    plan: Plan | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """Rows that were not sent, by code class."""
    settled: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    reason: str | None = None

    @property
    def ok(self) -> bool:
        """True when nothing needs a person: sent but for ended relations, or a dry run of such a plan.

        Of messages also when staff have yet to press send, and when a customer may get no more of them.
        """
        if self.status == PlanStatus.REFUSED:
            return self.reason is None and self.refusals.keys() <= ENDED_CLASSES | SPENT_CLASSES
        return self.status in (
            PlanStatus.SENT, PlanStatus.PLANNED, PlanStatus.APPROVED, PlanStatus.WAITING
        )  # fmt: skip

    def as_metadata(self) -> dict[str, Any]:
        """Return the report as plain values; the plan's own counts are included."""
        return {
            **(self.plan.as_metadata() if self.plan else {}),
            "segment": self.segment_code, "destination": self.destination, "mode": self.mode,
            "status": str(self.status), "sent": self.outcomes[Outcome.SENT],
            "refused": self.outcomes[Outcome.REFUSED], "not_sent": self.outcomes[Outcome.NOT_SENT],
            "waiting_for_staff": self.outcomes[Outcome.WAITING],
            "in_doubt": self.outcomes[Outcome.IN_DOUBT], "refusals": dict(self.refusals),
            "settled_by_read_back": dict(self.settled),
            "seconds": round(self.seconds, 2), "reason": self.reason,
        }  # fmt: skip
