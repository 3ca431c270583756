"""What the entries of the rule files look like. Conditions are checked in ``conditions``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[int, Field(ge=1, strict=True)]
FAMILIES = ("who", "buys", "behaves", "stands", "channel", "risk")

# What pydantic calls its errors, in the words of ours.
EXPECTED = {
    "missing": "this field",
    "extra_forbidden": "no field of this name",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "a mapping",
    "bool_type": "true or false",
    "too_short": "at least one",
}


class Entry(BaseModel):
    """Strict: an unknown field is an error, since it is most often a misspelt one."""

    model_config = ConfigDict(extra="forbid")


Windowed = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\{days\}[a-z0-9_]*$")]
# Kinds of events by which `int_run__observed` tells whom a day touches.
EventKind = Literal[
    "order", "refund", "coupon", "register", "contact", "contact_end", "group", "group_end", "follower",
    "follower_end", "friend", "lead", "interaction", "touch", "staff_tag", "text",
]  # fmt: skip


class Named(Entry):
    """What every feature has."""

    name: Code
    name_zh: Text
    description_zh: Text


class StaffTag(Entry):
    """A tag that staff put on customers in WeCom, by its name and, where that is not enough, its group's."""

    name: Text
    group: Text | None = None


class Question(Entry):
    """A category of question; a text that holds one of the keywords, in whatever case, is one of its kind."""

    code: Code
    name_zh: Text
    keywords: Annotated[list[Text], Field(min_length=1)]


class Measure(Named):
    """Something summed over a customer's events; ``windowed`` names it over the last {days} days.

    ``staff_tag`` and ``question`` are set on measures that follow from the rules (``rules.derived``).
    """

    windowed: Windowed | None = None
    events: Annotated[list[EventKind], Field(min_length=1)]
    always: bool = False
    staff_tag: StaffTag | None = None
    question: Code | None = None


class Ratio(Named):
    """One measure divided by another, times ``scale``."""

    windowed: Windowed | None = None
    of: Code
    per: Code
    scale: Positive = 1


class Attribute(Named):
    """One value per customer."""

    type: Literal["text", "number"]


class FeatureFile(Entry):
    """`rules/features.yml`."""

    windows: Annotated[list[Positive], Field(min_length=1)]
    measures: Annotated[list[Measure], Field(min_length=1)]
    ratios: list[Ratio] = []
    carried: list[Named] = []
    calendar: list[Named] = []
    attributes: list[Attribute] = []
    questions: list[Question] = []

    @property
    def numbers(self) -> list[Measure | Ratio]:
        """What a rule may ask about over a window, too."""
        return [*self.measures, *self.ratios]


class Case(Entry):
    """One value of a rule tag; the first case whose conditions hold gives the value."""

    value: Text
    when: Any


class Earlier(Entry):
    """How a rule tag was given before the next version's ``effective_from``; the first version has none of its own."""

    version: Positive
    effective_from: dt.date | None = None
    cases: Annotated[list[Case], Field(min_length=1)]


class Tag(Entry):
    """One tag (标签): a fact tag has ``feature``, a rule tag has ``cases``.

    With ``earlier`` versions the newest one holds from business day ``effective_from`` on; without, for all the past.
    """

    code: Code
    name_zh: Text
    description_zh: Text
    owner: Text
    version: Positive
    ageing: Literal["static", "dynamic"]
    feature: Code | None = None
    cases: Annotated[list[Case], Field(min_length=1)] | None = None
    parent: Code | None = None
    exclusive_group: Code | None = None
    derived_from: list[Code] = []
    effective_from: dt.date | None = None
    earlier: list[Earlier] = []
