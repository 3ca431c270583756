"""A plan and what applying it did, as they are kept and shown."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from activation.outcomes import ENDED_CLASSES, SPENT_CLASSES, Outcome


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
    warnings: tuple[str, ...] = ()
    """What the destination wants a person to know although everything went well."""

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
            "seconds": round(self.seconds, 2), "reason": self.reason, "warnings": list(self.warnings),
        }  # fmt: skip
