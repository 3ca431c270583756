"""A mapping says, in YAML, how a foreign file fills the contract: columns, units, zone, constants, values."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from ingestion.contract_fields import FILE_CONTRACTS, SUMMED_OVER_LINES, ContractField, FileContract

SHIPPED_DIR = Path(__file__).resolve().parent / "mappings"
# One foreign column, or several: the first of them that the file has and whose cell is not empty.
Foreign = Annotated[tuple[str, ...], BeforeValidator(lambda value: _several(value)), Field(min_length=1)]


class MappingError(ValueError):
    """A mapping file that does not fit; the message names the file, the key and what was expected."""


class Mapping(BaseModel):
    """One mapping file. ``columns`` and ``lines`` map contract field to foreign column, or to several.

    ``optional`` fields may be missing from a file altogether. ``buyer_id_from`` says what stands in for a buyer id
    that the file lacks; ``unpaid`` are the status words of orders that were never paid: without a payment time
    they are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    source: str = Field(min_length=1, description="Name of the shop: whose buyer ids these are")
    columns: dict[str, Foreign] = Field(min_length=1)
    lines: dict[str, Foreign] = Field(default_factory=dict)
    optional: list[str] = Field(default_factory=list)
    buyer_id_from: list[Literal["phone", "order_id"]] = Field(default_factory=list)
    unpaid: list[str] = Field(default_factory=list)
    constants: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    amount_unit: Literal["yuan", "fen"] = "yuan"
    timezone: str = "Asia/Shanghai"
    encoding: str | None = None
    date_formats: list[str] = Field(default_factory=list)
    header_row: int = Field(default=1, ge=1)
    sheet: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected an IANA zone such as Asia/Shanghai") from error
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError as error:
            raise ValueError("expected an encoding Python knows, such as utf-8 or gbk") from error
        return value

    @field_validator("columns", "lines")
    @classmethod
    def _plain_headers(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {field: tuple(map(normalise_header, columns)) for field, columns in value.items()}

    @property
    def zone(self) -> ZoneInfo:
        """Zone of stamps that carry none."""
        return ZoneInfo(self.timezone)

    @property
    def foreign_columns(self) -> list[str]:
        """Every foreign column the mapping reads, once each."""
        several = [*self.columns.values(), *self.lines.values()]
        return list(dict.fromkeys(column for columns in several for column in columns))

    def missing_from(self, headers: list[str]) -> list[str]:
        """Return the columns that a header lacks, alternatives as ``a or b``."""
        wanted = [*self.columns.items(), *self.lines.items()]
        return [
            " or ".join(columns)
            for field, columns in wanted
            if field not in self.optional and not set(columns) & set(headers)
        ]


def normalise_header(text: str) -> str:
    """Return a header in one spelling: full-width forms folded (NFKC), no byte-order mark or outer blanks."""
    return unicodedata.normalize("NFKC", text).strip().strip("\ufeff").strip()


def find_mapping(name: Path) -> Path:
    """Return the file at a path, or the shipped mapping of that name (``weixin_shop_export``).

    Raises:
        MappingError: neither.
    """
    shipped = SHIPPED_DIR / f"{name}.yml"
    if name.is_file():
        return name
    if name.name == str(name) and shipped.is_file():
        return shipped
    known = ", ".join(sorted(path.stem for path in SHIPPED_DIR.glob("*.yml")))
    raise MappingError(f"{name}: expected a mapping file, or the name of a shipped one: {known}")


def load_mapping(path: Path, stream_key: str) -> Mapping:
    """Read and check a mapping for one stream.

    Raises:
        MappingError: unreadable, not YAML, or not fitting the stream; every problem is named.
    """
    contract = FILE_CONTRACTS.get(stream_key)
    if contract is None:
        raise MappingError(f"stream {stream_key}: files fill only {', '.join(FILE_CONTRACTS)}")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MappingError(f"{path.name}: expected a readable UTF-8 YAML file, got: {error}") from error
    if not isinstance(raw, dict):
        raise MappingError(f"{path.name}: expected keys such as source and columns, got {type(raw).__name__}")
    try:
        mapping = Mapping.model_validate(raw)
    except ValidationError as error:
        raise MappingError(explain(path, error)) from error
    problems = problems_of(mapping, contract)
    if problems:
        raise MappingError(f"{path.name}: " + "; ".join(problems))
    return mapping


def _several(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value if isinstance(value, tuple) else (value,)


def explain(path: Path, error: ValidationError) -> str:
    """Return what is wrong with a mapping file, key by key."""
    parts = []
    for each in error.errors():
        key = ".".join(str(step) for step in each["loc"])
        got = "" if each["type"] == "missing" else f", got {_short(each['input'])}"
        parts.append(f"key {key}: {each['msg']}{got}")
    return f"{path.name}: " + "; ".join(parts)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def problems_of(mapping: Mapping, contract: FileContract) -> list[str]:
    """Return where a mapping does not fit the contract of a stream."""
    fields = {**contract.fields, **contract.lines}
    problems = [
        *_unknown("optional", dict.fromkeys(mapping.optional), fields),
        *_unknown("columns", mapping.columns, contract.fields),
        *_unknown("constants", mapping.constants, contract.fields),
        *_unknown("lines", mapping.lines, contract.lines),
        *_unknown("values", mapping.values, {k: v for k, v in contract.fields.items() if v.choices}),
    ]
    both = sorted(set(mapping.columns) & set(mapping.constants))
    problems += [f"key constants.{field}: expected one of column or constant, got both" for field in both]
    for field, spec in contract.fields.items():
        given = field in mapping.columns or field in mapping.constants
        given = given or (field == "buyer_id" and bool(mapping.buyer_id_from))
        summed = bool(mapping.lines) and field in SUMMED_OVER_LINES
        if spec.required and not given and not summed:
            problems.append(f"key columns.{field}: expected the foreign column name (or constants.{field})")
    problems += [
        f"key optional.{field}: expected a field that the contract does not require"
        for field in mapping.optional
        if field in fields and fields[field].required and field != "buyer_id"
    ]
    if mapping.lines:
        problems += [
            f"key lines.{field}: expected the foreign column name"
            for field, spec in contract.lines.items()
            if spec.required and field not in mapping.lines
        ]
    for field, table in mapping.values.items():
        choices = contract.fields[field].choices if field in contract.fields else ()
        wrong = sorted(set(table.values()) - set(choices))
        problems += [f"key values.{field}: expected {' | '.join(choices)}, got {value!r}" for value in wrong]
    return problems


def _unknown(key: str, given: dict[str, Any], known: dict[str, ContractField]) -> list[str]:
    expected = ", ".join(known) or "nothing here"
    return [f"key {key}.{field}: expected one of {expected}" for field in given if field not in known]
