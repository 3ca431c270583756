"""What every destination must offer, and the things that it is handed and gives back.

A destination is one class that satisfies ``Destination``; everything about plans, approval, the ledger and
recovery is done around it, the same way for all of them. Its author needs to import from here alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from activation.errors import (
    ActivationError,
    ApplierBusyError,
    DestinationStoppedError,
    PayloadError,
    PlanDriftError,
    PlanExpiredError,
    PlanNotApprovedError,
    PlanStateError,
    PlanTamperedError,
)
from activation.outcomes import (
    CAP_REACHED,
    ENDED_CLASSES,
    MEMBER_GONE,
    NO_QUOTA,
    NOT_CONFIRMED,
    RELATION_ENDED,
    SPENT_CLASSES,
    Action,
    Outcome,
    ReadBack,
    Retry,
    retry_of,
)
from activation.records import (
    ApplyReport,
    Plan,
    PlanStatus,
)

__all__ = [
    "CAP_REACHED",
    "ENDED_CLASSES",
    "MEMBER_GONE",
    "NOT_CONFIRMED",
    "NO_QUOTA",
    "RELATION_ENDED",
    "SPENT_CLASSES",
    "Action",
    "ActivationError",
    "ApplierBusyError",
    "ApplyReport",
    "Change",
    "Changes",
    "Channel",
    "Destination",
    "DestinationStoppedError",
    "Estimate",
    "Members",
    "Observed",
    "Order",
    "Outcome",
    "PayloadError",
    "Plan",
    "PlanDriftError",
    "PlanExpiredError",
    "PlanNotApprovedError",
    "PlanStateError",
    "PlanStatus",
    "PlanTamperedError",
    "ReadBack",
    "Receipt",
    "Retry",
    "Segment",
    "Values",
    "retry_of",
]

Values = dict[str, str | int | None]


class Channel(StrEnum):
    """Where a customer may allow or deny to be reached; ``all`` stands for every one of them."""

    WECOM = "wecom"
    OFFICIAL = "official"
    MINIPROGRAM = "miniprogram"
    FILE = "file"
    TOOLS = "tools"
    ALL = "all"


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
