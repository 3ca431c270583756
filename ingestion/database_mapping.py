"""The YAML that says how a shop's own database fills the contract: per stream a table or SELECT, and its columns."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.contract_fields import FILE_CONTRACTS
from ingestion.mapping import Mapping, MappingError, explain, problems_of

# Streams of one group are read in one snapshot, and admitted or held together.
GROUPS = (("miniprogram/orders", "miniprogram/order_lines"), ("miniprogram/members",))


class Section(BaseModel):
    """One stream: ``table`` or ``query``; ``columns`` map contract field to column of it.

    ``update_column`` grows with every change of a row. ``key_columns`` name a row; without them the contract's key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    table: str | None = None
    query: str | None = None
    update_column: str | None = None
    key_columns: list[str] = Field(default_factory=list)
    columns: dict[str, str] = Field(min_length=1)
    constants: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    unpaid: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_relation(self) -> Section:
        if bool(self.table) == bool(self.query):
            raise ValueError("expected either table (shop.orders) or query (a SELECT)")
        return self


class DatabaseMapping(BaseModel):
    """The whole file. ``timezone`` is that of stamps without one; ``stamps`` says what integers mean.

    ``overlap_minutes``: how far before the last stamp seen to read again, for rows that were committed late.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    source: str = Field(min_length=1)
    amount_unit: Literal["yuan", "fen"]
    timezone: str = "Asia/Shanghai"
    stamps: Literal["datetime", "seconds", "milliseconds"] = "datetime"
    overlap_minutes: int = Field(default=60, ge=0)
    orders: Section | None = None
    order_lines: Section | None = None
    members: Section | None = None

    @property
    def digest(self) -> str:
        """Tells mappings apart: another one reads everything anew."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    @property
    def cells_zone(self) -> ZoneInfo:
        """Zone of stamps that carry none."""
        return ZoneInfo(self.timezone)

    def section(self, stream_key: str) -> Section | None:
        """Return the section of a stream, None when the file has none."""
        found: Section | None = getattr(self, stream_key.partition("/")[2], None)
        return found if stream_key.startswith("miniprogram/") else None

    def cells(self, stream_key: str) -> Mapping:
        """Return how the cells of a row read by ``rows_query`` (named like the fields) are to be understood."""
        section = self.section(stream_key)
        assert section is not None
        return Mapping(
            source=self.source,
            columns={field: (field,) for field in section.columns},
            constants=section.constants,
            values=section.values,
            unpaid=section.unpaid,
            amount_unit=self.amount_unit,
            timezone=self.timezone,
        )


def load_database_mapping(path: Path) -> DatabaseMapping:
    """Read and check the mapping.

    Raises:
        MappingError: unreadable, or not fitting the contracts; every problem is named.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MappingError(f"{path.name}: expected a readable UTF-8 YAML file, got: {error}") from error
    if not isinstance(raw, dict):
        raise MappingError(f"{path.name}: expected keys such as source and orders, got {type(raw).__name__}")
    try:
        mapping = DatabaseMapping.model_validate(raw)
        problems = _problems(mapping)
    except ValidationError as error:
        raise MappingError(explain(path, error)) from error
    if problems:
        raise MappingError(f"{path.name}: " + "; ".join(problems))
    return mapping


def _problems(mapping: DatabaseMapping) -> list[str]:
    problems: list[str] = []
    keys = [key for group in GROUPS for key in group if mapping.section(key) is not None]
    if not keys:
        problems.append("expected at least one of the keys orders, order_lines, members")
    for key in keys:
        name = key.partition("/")[2]
        section: Any = mapping.section(key)
        problems += [f"{name}: {each}" for each in problems_of(mapping.cells(key), FILE_CONTRACTS[key])]
        if name == "order_lines" and not section.key_columns and "line_no" not in section.columns:
            problems.append("key order_lines.key_columns: expected the columns that name a line of an order")
        follows_orders = name == "order_lines" and mapping.orders is not None
        if section.update_column is None and not follows_orders:
            problems.append(
                f"key {name}.update_column: expected the column that grows with every change of a row"
            )
    return problems
