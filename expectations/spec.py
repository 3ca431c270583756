"""Suites as data: reads and checks the YAML files without importing Great Expectations (that takes 7 s).

Only expectations that are known to work on DuckDB and to report counts, never cell values, may be named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.streams import STREAMS

SUITES_DIR = Path(__file__).resolve().parent / "suites"

# Left out on purpose: regex expectations (they crash on DuckDB; use unexpected_rows_expectation with
# regexp_matches), and everything that reports cells as its observed value (distinct values, min, max ...).
SAFE_TYPES = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_between",
        "expect_compound_columns_to_be_unique",
        "expect_table_columns_to_match_set",
        "expect_table_row_count_to_be_between",
        "unexpected_rows_expectation",
    }
)


class SuiteError(ValueError):
    """A suite file is missing or wrong; the text names file, key, what was expected and what to do."""


class ExpectationSpec(BaseModel):
    """One expectation: what must hold, how bad it is when it does not, and why anybody should care."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["critical", "advisory"]
    why: str = Field(min_length=1)

    @field_validator("type")
    @classmethod
    def _safe_type(cls, value: str) -> str:
        if value not in SAFE_TYPES:
            raise ValueError(f"expected one of {', '.join(sorted(SAFE_TYPES))}; got {value!r}")
        return value

    @property
    def column(self) -> str | None:
        """Column(s) the expectation is about, None when it is about the whole batch."""
        columns = self.kwargs.get("column") or ", ".join(self.kwargs.get("column_list", []))
        return columns or None


class Suite(BaseModel):
    """All expectations of one stream or payload. ``batch_query`` turns raw rows (``{rows}``) into columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = Field(min_length=1)
    batch_query: str | None = None
    expectations: tuple[ExpectationSpec, ...] = Field(min_length=1)

    @field_validator("batch_query")
    @classmethod
    def _reads_rows(cls, value: str | None) -> str | None:
        if value is not None and "{rows}" not in value:
            raise ValueError("expected a SELECT over {rows}, got one without {rows}")
        return value


def raw_suite_name(stream_key: str) -> str:
    """Return the suite name of a raw stream, for example ``wecom/contacts`` -> ``raw/wecom__contacts``.

    Raises:
        KeyError: no such stream.
    """
    stream = STREAMS[stream_key]
    return f"raw/{stream.channel}__{stream.name}"


def activation_suite_name(payload: str) -> str:
    """Return the suite name of a payload table, for example ``act_wecom__segment_tags``."""
    return f"activation/{payload}"


def suite_names(suites_dir: Path = SUITES_DIR) -> list[str]:
    """Return the names of all suites, sorted."""
    return sorted(
        path.relative_to(suites_dir).with_suffix("").as_posix() for path in suites_dir.rglob("[!_]*.yml")
    )


def load_suite(name: str, suites_dir: Path = SUITES_DIR) -> Suite:
    """Read and check one suite file; the expectations of its ``base``, a file beside it, come first.

    Raises:
        SuiteError: no such file, no YAML, or a key that is missing, unknown or wrong.
    """
    path = suites_dir / f"{name}.yml"
    if not path.exists():
        raise SuiteError(f"no suite {name!r}: expected {path}; known: {', '.join(suite_names(suites_dir))}")
    content = _with_base(path)
    try:
        return Suite(name=name, **content)
    except (ValidationError, TypeError) as error:
        raise SuiteError(f"{path}: {_first_problem(error)}; mend the file") from error


def _with_base(path: Path) -> dict[str, Any]:
    content = _read(path)
    if base := content.pop("base", None):
        shared = _with_base(path.with_name(f"{base}.yml")).get("expectations") or []
        content["expectations"] = [*shared, *(content.get("expectations") or [])]
    return content


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SuiteError(f"no file {path}: a suite names it as its base; mend the suite") from error
    except yaml.YAMLError as error:
        raise SuiteError(f"{path}: expected YAML, got {error}; mend the file") from error
    if not isinstance(content, dict):
        raise SuiteError(f"{path}: expected keys description and expectations, got {type(content).__name__}")
    return content


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
