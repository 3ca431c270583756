"""Money is an integer number of fen (分). Decimal at the edges, never a float."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")

MAX_FEN = 10**30  # far beyond any amount; keeps "1e400000" from becoming a number of 400,000 digits


class MoneyError(ValueError):
    """A text that is not an exact amount."""


def yuan_to_fen(text: str | Decimal | int) -> int:
    """Convert an amount in yuan (元) to fen, exactly. Accepts ``¥``, thousands commas and surrounding blanks.

    Raises:
        MoneyError: not a number, or finer than one fen.
    """
    return _to_int(text, Decimal(100), "yuan with at most 2 decimals")


def fen_to_fen(text: str | Decimal | int) -> int:
    """Read an amount that is already in fen.

    Raises:
        MoneyError: not a whole number.
    """
    return _to_int(text, Decimal(1), "a whole number of fen")


def _to_int(text: str | Decimal | int, factor: Decimal, expected: str) -> int:
    cleaned: str | Decimal | int = text
    if isinstance(text, str):
        cleaned = text.strip().lstrip("¥￥").strip()
        # "1,234.50" is a thousand; "12,50" is anybody's guess and stays refused.
        if _THOUSANDS.fullmatch(cleaned):
            cleaned = cleaned.replace(",", "")
    try:
        value = Decimal(cleaned) * factor
    except InvalidOperation as error:
        raise MoneyError(f"expected {expected}, got {text!r}") from error
    if not value.is_finite() or abs(value) >= MAX_FEN or value != value.to_integral_value():
        raise MoneyError(f"expected {expected}, got {text!r}")
    return int(value)
