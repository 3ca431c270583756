"""How figures are written: thousands apart, yuan with its sign, changes with theirs."""

from __future__ import annotations

import datetime as dt

MINUS = "−"


def count(value: int | float) -> str:
    """Return 12,345."""
    return _sign(value, f"{abs(value):,.0f}")


def yuan(fen: int | float) -> str:
    """Return an amount in fen as ¥1,234 (from ¥1,000 on) or ¥12.34."""
    amount = abs(fen) / 100
    return _sign(fen, f"¥{amount:,.0f}" if amount >= 1000 or amount == 0 else f"¥{amount:,.2f}")


def signed(text: str) -> str:
    """Return a figure with a plus unless it has its sign already; zero has none."""
    return text if text.startswith(MINUS) or text in ("0", "¥0", "0%", "0.0%") else f"+{text}"


def percent(ratio: float | None, *, places: int = 0) -> str:
    """Return a ratio as 45%, or a dash where there is none."""
    return "–" if ratio is None else _sign(ratio, f"{abs(ratio) * 100:.{places}f}%")


def day(value: dt.date) -> str:
    """Return 2026-11-20."""
    return value.isoformat()


def _sign(value: float, text: str) -> str:
    return f"{MINUS}{text}" if value < 0 else text
