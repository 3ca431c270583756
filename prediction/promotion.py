"""Whether a version comes into force: better than the baseline, no worse than the one in force, and no drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# A version that is hardly worse than the one in force is fresher, and that is worth something.
TOLERANCE = 0.02
# Population stability index from which on customers are others than those learned from.
MOST_DRIFT = 0.25
# How far expected and actual totals may lie apart, as a factor.
MOST_OFF = 1.5


@dataclass(frozen=True)
class Check:
    """One condition, and what was found."""

    passed: bool
    found: str


def beats(name: str, found: float, baseline: float, *, smaller_is_better: bool) -> Check:
    """Check a measure against the baseline's; no better is not enough."""
    better = found < baseline if smaller_is_better else found > baseline
    return Check(better, f"{name} {found:.4f}, baseline {baseline:.4f}")


def keeps_up(name: str, found: float, in_force: float | None, *, smaller_is_better: bool) -> Check:
    """Check a measure against that of the version in force on the same customers, if there is one."""
    if in_force is None:
        return Check(True, "no version in force")
    limit = in_force * (1 + TOLERANCE if smaller_is_better else 1 - TOLERANCE)
    kept = found <= limit if smaller_is_better else found >= limit
    return Check(kept, f"{name} {found:.4f}, version in force {in_force:.4f}")


def measure_of(measures: dict[str, Any] | None, name: str) -> float | None:
    """Return a measure of the version in force, None when there is none."""
    return None if measures is None else float(measures[name])


def steady(name: str, stability_index: float) -> Check:
    """Check that the customers of now are like those learned from."""
    return Check(
        stability_index <= MOST_DRIFT, f"drift of {name} {stability_index:.3f} (at most {MOST_DRIFT})"
    )


def total_right(ratio: float | None) -> Check:
    """Check that expected and actual totals are near each other."""
    near = ratio is not None and 1 / MOST_OFF <= ratio <= MOST_OFF
    return Check(near, f"expected total {'unknown' if ratio is None else f'{ratio:.2f}'} of the actual one")


def decide(checks: list[Check]) -> tuple[bool, str]:
    """Return whether all checks passed, and what decided it in words."""
    failed = [check.found for check in checks if not check.passed]
    if failed:
        return False, "not promoted: " + "; ".join(failed)
    return True, "promoted: " + "; ".join(check.found for check in checks)
