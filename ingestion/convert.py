"""From a foreign cell to a contract value: exactly, or a ``RowError`` that says what was wrong with the cell.

Cells are text (CSV), or Python values (XLSX, Parquet). Nothing is guessed: an id that went through a float is
refused, an amount finer than one fen is refused.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from common.clock import UTC
from common.money import MoneyError, fen_to_fen, yuan_to_fen
from ingestion.contract_fields import ContractField
from ingestion.mapping import Mapping

Converter = Callable[[Any], Any]

# A spreadsheet keeps 15 digits of a number; of a longer id the rest is zeros.
MAX_SPREADSHEET_INTEGER = 10**15
_MAX_INT64 = 2**63 - 1
_THROUGH_FLOAT = re.compile(r"[+-]?\d+(\.\d+)?[eE]\+?\d+")
_SPREADSHEET_ERRORS = frozenset(
    {"#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#DIV/0!", "#SPILL!"}
)
_TEXT_MARK = re.compile(r"^'(?=\d+$)")
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
_DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
_STAMP_FORMATS = tuple(day + time for day in _DAY_FORMATS for time in ("", " %H:%M:%S", " %H:%M"))
_GENDERS = {
    "male": ("1", "男", "男性", "先生", "m", "male"),
    "female": ("2", "女", "女性", "女士", "f", "female"),
    "unknown": ("0", "", "未知", "保密", "unknown", "u"),
}
GENDER_WORDS = {word: gender for gender, words in _GENDERS.items() for word in words}


class RowError(ValueError):
    """One cell breaks the contract; the row goes to quarantine with this text as the reason."""


def converter_for(name: str, field: ContractField, mapping: Mapping) -> Converter:
    """Return the function that turns a cell into the field's value; None for a cell that may be empty."""
    zone, formats = mapping.zone, tuple(mapping.date_formats)
    to_fen = yuan_to_fen if mapping.amount_unit == "yuan" else fen_to_fen
    kinds: dict[str, Converter] = {
        "id": to_id,
        "text": to_text,
        "phone": to_id,
        "money": lambda cell: _whole(to_fen, cell),
        "count": lambda cell: _whole(fen_to_fen, cell),
        "points": to_points,
        "instant": lambda cell: to_instant(cell, zone, formats),
        "date": lambda cell: to_date(cell, formats),
        "choice": _choice(field, mapping.values.get(name)),
    }
    convert, required = kinds[field.kind], field.required

    def checked(cell: Any) -> Any:
        try:
            value = convert(cell)
        except (RowError, MoneyError) as error:
            raise RowError(f"{name}: {error}") from error
        if value is None and required:
            raise RowError(f"{name}: expected a value, got an empty cell")
        return value

    return checked


def to_text(cell: Any) -> str | None:
    """Return a cell as text without outer blanks, None when empty.

    Raises:
        RowError: a spreadsheet error, or text that is not valid Unicode.
    """
    text = cell if isinstance(cell, str) else _plain(cell)
    text = text.strip()
    if not text:
        return None
    if text[0] == "#" and text in _SPREADSHEET_ERRORS:
        raise RowError(f"expected a value, got the spreadsheet error {text}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise RowError("expected valid Unicode, got a lone surrogate") from error
    return text


def to_id(cell: Any) -> str | None:
    """Return an id exactly as text; a spreadsheet's text marks (``'1`` and ``="1"``) are dropped.

    Raises:
        RowError: the id went through a float and may have lost digits.
    """
    if isinstance(cell, float):
        if abs(cell) >= MAX_SPREADSHEET_INTEGER or not cell.is_integer():
            raise RowError(f"expected an id as text, got the number {cell!r}, which may have lost digits")
        return str(int(cell))
    text = to_text(cell)
    if text is not None and (formula := _TEXT_FORMULA.fullmatch(text)):
        text = to_text(formula[1])
    if text is None:
        return None
    if _THROUGH_FLOAT.fullmatch(text):
        raise RowError(f"expected an id as text, got {text!r}, which lost its digits in a spreadsheet")
    return _TEXT_MARK.sub("", text)


def to_instant(cell: Any, zone: ZoneInfo, formats: tuple[str, ...] = ()) -> dt.datetime | None:
    """Return a stamp as naive UTC; a stamp without an offset is taken as local time of ``zone``.

    Raises:
        RowError: no known date format fits.
    """
    if isinstance(cell, dt.datetime):
        return _to_utc(cell, zone)
    if isinstance(cell, dt.date):
        return _to_utc(dt.datetime.combine(cell, dt.time()), zone)
    text = to_text(cell)
    return None if text is None else _stamp(text, zone, formats)


def to_date(cell: Any, formats: tuple[str, ...] = ()) -> dt.date | None:
    """Return a calendar date.

    Raises:
        RowError: no known date format fits.
    """
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    text = to_text(cell)
    return None if text is None else _parse(text, formats).date()


def to_points(cell: Any) -> int | None:
    """Return a change of member points (积分).

    Raises:
        RowError: not a whole number, or 0, which changes nothing.
    """
    try:
        value = _whole(fen_to_fen, cell)
    except MoneyError as error:
        raise RowError(f"expected a whole number of points, got {cell!r}") from error
    if value == 0:
        raise RowError(f"expected points granted (positive) or spent (negative), got {cell!r}")
    return value


def _choice(field: ContractField, table: dict[str, str] | None) -> Converter:
    known = {each: each for each in field.choices} if table is None else table
    words = GENDER_WORDS if "female" in field.choices and table is None else known

    def convert(cell: Any) -> str | None:
        text = to_text(cell)
        if text is None:
            return None
        found = words.get(text) or words.get(text.casefold())
        if found is None:
            raise RowError(f"expected one of {', '.join(known)}, got {text!r}")
        return found

    return convert


def _whole(to_int: Callable[[str | Decimal | int], int], cell: Any) -> int | None:
    if isinstance(cell, bool):
        raise RowError(f"expected a number, got {cell!r}")
    number: Any = cell
    if isinstance(cell, float):
        # A spreadsheet shows 15 significant digits: 29.330000000000002 is its 29.33.
        number = f"{cell:.15g}"
    elif not isinstance(cell, int | Decimal):
        number = to_text(cell)
        if number is None:
            return None
    value = to_int(number)
    if abs(value) > _MAX_INT64:
        raise RowError(f"expected a number of at most 64 bits, got {cell!r}")
    return value


def _plain(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    return str(cell)


@lru_cache(maxsize=65536)
def _stamp(text: str, zone: ZoneInfo, formats: tuple[str, ...]) -> dt.datetime:
    return _to_utc(_parse(text, formats), zone)


def _to_utc(stamp: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)
    try:
        return aware.astimezone(UTC).replace(tzinfo=None)
    except OverflowError as error:
        raise RowError(f"expected a stamp between the years 1 and 9999, got {stamp}") from error


def _parse(text: str, formats: tuple[str, ...]) -> dt.datetime:
    if not formats:
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    for each in formats or _STAMP_FORMATS:
        try:
            return dt.datetime.strptime(text, each)  # noqa: DTZ007 - the mapping's zone is attached by the caller
        except ValueError:
            continue
    wanted = ", ".join(formats) if formats else "a date such as 2025-01-31 or 2025-01-31 20:05:00"
    raise RowError(f"expected {wanted}, got {text!r}")
