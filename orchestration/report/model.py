"""What a page is made of. Nothing here knows HTML: the template escapes everything that is text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


class Text(NamedTuple):
    """The same thing in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class Spark:
    """A series drawn small, oldest first; ``from_zero`` or between its own lowest and highest value."""

    values: Sequence[float]
    from_zero: bool = True


@dataclass(frozen=True)
class Bar:
    """A figure with a thin bar behind it; ``share`` of the longest bar, 0 to 1."""

    text: str
    share: float


Cell = str | Text | Spark | Bar
Column = tuple[Text, Literal["text", "number", "picture"]]


@dataclass(frozen=True)
class Card:
    """One key figure with how it compares and its last days."""

    title: Text
    value: str
    compared: str
    spark: Spark


@dataclass(frozen=True)
class Chart:
    """A figure in plotly's schema (``data`` and ``layout`` as plain values). ``height`` is in pixels."""

    code: str
    title: Text
    figure: dict[str, Any]
    height: int
    note: Text | None = None


@dataclass(frozen=True)
class Table:
    """Rows of cells. ``folded`` tables are shown on request."""

    title: Text
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: Text | None = None
    folded: bool = False


@dataclass(frozen=True)
class Alert:
    """Something that a person should look at; ``urgent`` when data or a send is being held up."""

    text: Text
    urgent: bool = False


@dataclass(frozen=True)
class Section:
    """One part of the page. ``notes`` say what is missing or how to read it; ``alerts`` are shown on top."""

    code: str
    title: Text
    notes: list[Text] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
