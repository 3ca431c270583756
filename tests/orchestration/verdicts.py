"""Verdicts as the gate gives them."""

from __future__ import annotations

from expectations.verdict import Failure, Verdict


def verdict(
    *, critical: tuple[Failure, ...] = (), advisory: tuple[Failure, ...] = (), error: str | None = None
) -> Verdict:
    """Return a verdict on ten rows."""
    return Verdict("raw/wecom__staff", "wecom/staff", 3, 10, critical, advisory, error, None, 0.1)
