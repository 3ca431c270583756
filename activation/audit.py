"""Compares everything at a destination with what the ledger knows, and corrects the ledger on request.

The destination itself is only ever changed by a plan: what was missing is added, and what is too much removed,
by the next one after the ledger was corrected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from activation import store
from activation.contracts import ActivationError
from activation.destinations import build
from activation.ledger import Ledger
from activation.log import summary
from activation.policy import load_policy
from activation.reconcile import settle
from common.settings import Settings

UNKNOWN_CUSTOMER = "unknown"
_SAMPLE = 5


class NotObservableError(ActivationError):
    """The destination cannot be asked what it holds."""


@dataclass(frozen=True)
class AuditReport:
    """``missing`` rows are known and not there, ``extra`` there and not known, ``different`` have other content."""

    segment_code: str
    destination: str
    same: int
    missing: list[str]
    extra: list[str]
    different: list[str]
    foreign: Mapping[str, int]
    settled: Counter[str] = field(default_factory=Counter)
    is_repaired: bool = False

    @property
    def agrees(self) -> bool:
        """True when destination and ledger say the same."""
        return not (self.missing or self.extra or self.different)

    def line(self) -> str:
        """Return the report in one line, with the first row keys of what differs."""
        parts = [f"{self.segment_code} -> {self.destination}: {self.same:,} as known"]
        for name in ("missing", "extra", "different"):
            keys: list[str] = getattr(self, name)
            if keys:
                more = ", …" if len(keys) > _SAMPLE else ""
                parts.append(f"{len(keys):,} {name} ({', '.join(keys[:_SAMPLE])}{more})")
        parts += [f"foreign {name}: {count:,}, left alone" for name, count in self.foreign.items()]
        if self.is_repaired:
            parts.append("the ledger is corrected; plan again to bring the destination in line")
        return "; ".join(parts)


def audit(settings: Settings, segment_code: str, destination: str, *, repair: bool = False) -> AuditReport:
    """Settle what is in doubt, then read everything back and compare it with the ledger. Only reads outside.

    With ``repair`` the ledger is told what was seen; the next plan does the rest.

    Raises:
        NotObservableError: the destination cannot be asked.
        ApplierBusyError: another living process is sending there.
        ActivationError: it could not be read, or the segment was never planned for it.
    """
    target = build(destination, settings, load_policy())
    try:
        with Ledger(settings) as ledger, ledger.exclusive(segment_code, destination):
            settled = settle(settings, ledger, target, segment_code)
            with ledger.reading() as db:
                ours = store.segments_planned(db, destination)
                known = store.present_rows(db, segment_code, destination)
            mine = [each for each in ours if each.code == segment_code]
            if not mine:
                raise ActivationError(f"segment {segment_code!r} was never planned for {destination}")
            seen = target.observe(mine[-1], ours)
            if seen is None:
                raise NotObservableError(f"{destination} cannot be asked what it holds")
            missing = sorted(known.keys() - seen.rows.keys())
            extra = sorted(seen.rows.keys() - known.keys())
            both = known.keys() & seen.rows.keys()
            different = sorted(key for key in both if known[key][1] != seen.rows[key])
            if repair:
                rows = [(key, *known[key], True) for key in missing]
                rows += [(key, UNKNOWN_CUSTOMER, seen.rows[key], False) for key in extra]
                rows += [(key, known[key][0], seen.rows[key], False) for key in different]
                with ledger.writing() as db:
                    store.correct_state(db, segment_code, destination, rows, why="reconcile")
            return AuditReport(
                segment_code,
                destination,
                same=len(both) - len(different),
                missing=missing,
                extra=extra,
                different=different,
                foreign=seen.foreign,
                settled=settled,
                is_repaired=repair and bool(missing or extra or different),
            )
    finally:
        target.close()


def audit_all(
    settings: Settings, segment_code: str | None = None, *, repair: bool = False
) -> list[tuple[str, AuditReport | ActivationError]]:
    """Audit every destination of every segment (or of one) that was ever planned, each with its name.

    One that cannot be read keeps no other from being read: its error stands in its place.
    """
    found: list[tuple[str, AuditReport | ActivationError]] = []
    for each in summary(settings):
        if segment_code not in (None, each.segment_code):
            continue
        outcome: AuditReport | ActivationError
        try:
            outcome = audit(settings, each.segment_code, each.destination, repair=repair)
        except ActivationError as error:
            outcome = error
        found.append((f"{each.segment_code} -> {each.destination}", outcome))
    return found
