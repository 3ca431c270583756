"""What the gate answers: a verdict with counts and reasons, never with cell values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["passed", "warned", "failed", "error"]


@dataclass(frozen=True)
class Request:
    """One batch to judge: either ``parts`` (glob of Parquet files) or ``query`` against a DuckDB file.

    ``subject`` says in words what is judged (a load, a segment); ``docs_dir`` is where Data Docs go.
    """

    suite: str
    subject: str
    parts: str | None = None
    database: Path | None = None
    query: str | None = None
    docs_dir: Path | None = None

    def __post_init__(self) -> None:
        from_file = self.database is not None and self.query is not None
        from_parts = self.parts is not None and self.database is None and self.query is None
        if not (from_file or from_parts) or (from_file and self.parts is not None):
            raise ValueError("expected either parts, or database with query; give exactly one of the two")


@dataclass(frozen=True)
class Failure:
    """An expectation that data did not meet. ``unexpected_count`` counts rows, None where it cannot."""

    expectation: str
    column: str | None
    why: str
    unexpected_count: int | None

    def __str__(self) -> str:
        rows = "" if self.unexpected_count is None else f" ({self.unexpected_count} rows)"
        return f"{self.column or 'table'}: {self.why}{rows}"


@dataclass(frozen=True)
class Verdict:
    """The gate's answer on one batch. ``error`` means a check could not be made, which is not bad data."""

    suite: str
    subject: str
    checks: int
    rows: int
    critical_failures: tuple[Failure, ...]
    advisory_failures: tuple[Failure, ...]
    error: str | None
    docs_path: Path | None
    seconds: float

    @property
    def held(self) -> bool:
        """Whether the batch may not cross. Closed when in doubt: a check that crashed holds too."""
        return self.error is not None or bool(self.critical_failures)

    @property
    def status(self) -> Status:
        """``error`` (not judged), ``failed`` (critical), ``warned`` (advisory only) or ``passed``."""
        if self.error is not None:
            return "error"
        if self.critical_failures:
            return "failed"
        return "warned" if self.advisory_failures else "passed"

    @property
    def reason(self) -> str:
        """One line that says why, fit for a log or a held load."""
        if self.error is not None:
            return f"could not be judged: {self.error}"
        failures = self.critical_failures or self.advisory_failures
        if not failures:
            return f"{self.checks} checks passed on {self.rows} rows"
        word = "critical" if self.critical_failures else "advisory"
        return f"{len(failures)} {word}: " + "; ".join(map(str, failures))

    def as_metadata(self) -> dict[str, Any]:
        """Return plain JSON values, for Dagster metadata and the like."""
        return {
            "suite": self.suite,
            "subject": self.subject,
            "status": self.status,
            "held": self.held,
            "reason": self.reason,
            "rows": self.rows,
            "checks": self.checks,
            "critical_failures": [asdict(failure) for failure in self.critical_failures],
            "advisory_failures": [asdict(failure) for failure in self.advisory_failures],
            "error": self.error,
            "docs_path": str(self.docs_path) if self.docs_path else None,
            "seconds": self.seconds,
        }
