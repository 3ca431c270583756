"""The row-level difference between what should be at a destination and what is known to be there. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from activation.contracts import Action, Change, KnownRow, PayloadRow


@dataclass(frozen=True)
class Diff:
    """``changes`` are sent, ``held`` are not; ``forget`` are ended relations no longer asked for."""

    changes: list[Change]
    held: list[Change]
    unchanged: int
    known: int
    forget: list[str]

    def count(self, action: Action) -> int:
        return sum(1 for each in self.changes if each.action == action)

    @property
    def held_reasons(self) -> dict[str, int]:
        return dict(sorted(Counter(each.reason or "" for each in self.held).items()))


def compare(
    desired: Iterable[PayloadRow],
    known: Mapping[str, KnownRow],
    *,
    holdouts: Set[str],
    in_doubt: Set[str],
    retry_ended_since: dt.datetime,
) -> Diff:
    """Compare desired rows with known ones.

    ``in_doubt`` are row keys whose last outcome is unknown: they wait for a read-back. A relation that ended
    after ``retry_ended_since`` is not tried again. Rows of holdouts are never added, and removed where known.
    """
    changes: list[Change] = []
    held: list[Change] = []
    unchanged = 0
    kept: set[str] = set()
    for row in desired:
        there = known.get(row.row_key)
        present = there is not None and not there.ended
        reason = _why_held(row, there, holdouts, in_doubt, retry_ended_since)
        if reason == "holdout" and present:
            continue  # falls through to the removals
        kept.add(row.row_key)
        if reason:
            held.append(Change(Action.HELD, row.row_key, row.customer_id, row.values, reason=reason))
        elif there is None or there.ended:
            changes.append(Change(Action.ADD, row.row_key, row.customer_id, row.values))
        elif there.values != row.values:
            changes.append(
                Change(Action.CHANGE, row.row_key, row.customer_id, row.values, before=there.values)
            )
        else:
            unchanged += 1
    forget = []
    for key in known.keys() - kept:
        there = known[key]
        if key in in_doubt:
            held.append(Change(Action.HELD, key, there.customer_id, there.values, reason="in_doubt"))
        elif there.ended:
            forget.append(key)
        else:
            changes.append(Change(Action.REMOVE, key, there.customer_id, there.values, before=there.values))
    order = lambda change: change.row_key  # noqa: E731
    present_rows = sum(1 for each in known.values() if not each.ended)
    return Diff(sorted(changes, key=order), sorted(held, key=order), unchanged, present_rows, sorted(forget))


def _why_held(
    row: PayloadRow,
    there: KnownRow | None,
    holdouts: Set[str],
    in_doubt: Set[str],
    retry_ended_since: dt.datetime,
) -> str | None:
    if row.customer_id in holdouts:
        return "holdout"
    if row.row_key in in_doubt:
        return "in_doubt"
    if there is not None and there.ended and there.since > retry_ended_since:
        return "relation_ended"
    return None


def hash_changes(segment_code: str, destination: str, changes: Iterable[Change]) -> str:
    """Return the sha256 (hex) over the rows that would be sent, in row key order."""
    digest = hashlib.sha256(f"{segment_code}\n{destination}\n".encode())
    for each in changes:
        row = [each.action, each.row_key, each.customer_id, each.values, each.before]
        digest.update(
            json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        )
    return digest.hexdigest()
