"""What a measure is, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

ROUNDS = 3


@dataclass(frozen=True)
class Measure:
    """One figure with what it is compared to and its goal; details go to the record only."""

    code: str
    value: float
    unit: str
    goal: float
    vs: str
    n: int
    details: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """Return the measure as its one printed line."""
        return (
            f"{self.code} value={self.value:.3g} unit={self.unit} goal={self.goal:g} vs={self.vs} n={self.n}"
        )
