"""Journeys (SOP): what is due on day N after a customer entered a segment, and on days of the calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from activation.messages.content import Code, Content, load_content
from activation.messages.placed_yaml import Entries, Entry, read_entries

JOURNEYS_PATH = Path(__file__).parent / "journeys.yml"
FORGETTING_CURVE = (1, 2, 4, 7, 15, 30)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MessageDestinationName = Literal[
    "wecom_messages", "wecom_group_messages", "wecom_moments", "subscribe_messages", "miniprogram_messages"
]
_OF_TEMPLATES = ("subscribe_messages", "miniprogram_messages")
_TO_NOBODY_ALONE = ("wecom_group_messages", "wecom_moments")


class Step(Entry):
    """What is due when: exactly one of ``day``, ``curve``, ``weekly`` and ``on``.

    ``day`` counts from the business day of the segment entry (0 is that day). ``content`` is one code, with
    ``curve`` one for each of its steps; fewer end the curve early.
    """

    code: str = ""
    day: int | None = Field(default=None, ge=0, le=365)
    curve: Literal["forgetting"] | None = None
    weekly: Weekday | None = None
    on: dt.date | None = None
    content: list[Code] | Code
    # Only for who carries one of these values of each tag.
    tags: dict[str, list[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_time(self) -> Step:
        if sum(each is not None for each in (self.day, self.curve, self.weekly, self.on)) != 1:
            raise ValueError("exactly one of day, curve, weekly, on")
        most = len(FORGETTING_CURVE) if self.curve else 1
        if not 1 <= len(self.contents) <= most:
            raise ValueError(f"content: 1 to {most} codes")
        return self

    @property
    def contents(self) -> list[str]:
        return [self.content] if isinstance(self.content, str) else self.content


@dataclass(frozen=True)
class Touch:
    """One thing that a journey says. ``day`` counts from the entry; without it ``occasion`` is the day it is due."""

    touch_code: str
    content_code: str
    day: int | None
    occasion: dt.date | None
    tags: dict[str, list[str]]


class Journey(Entry):
    """One journey. ``mode`` rehearse plans and shows, and holds every row; live sends in a live run."""

    code: Code
    name_zh: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    segment: Code
    destination: MessageDestinationName
    mode: Literal["rehearse", "live"] = "rehearse"
    # Of what is due to one customer, the smallest goes first when her cap binds.
    priority: int = Field(default=100, ge=1)
    # Which of a customer's staff the message goes through.
    sender: Literal["newest_relation", "oldest_relation"] = "newest_relation"
    steps: list[Step] = Field(min_length=1)

    @model_validator(mode="after")
    def _touches_are_unique(self) -> Journey:
        codes = [each for step in self.steps for each in self._codes(step)]
        doubled = sorted({code for code in codes if codes.count(code) > 1})
        if doubled:
            raise ValueError(f"steps: each once, got {doubled}; a touch is sent once for each entry")
        if self.destination in _TO_NOBODY_ALONE:
            if any(step.day is not None or step.curve for step in self.steps):
                raise ValueError(
                    f"steps: weekly or on; {self.destination} go to many, who entered on other days"
                )
            if any(step.tags for step in self.steps):
                raise ValueError(f"steps: no tags; {self.destination} go to all of the segment")
        return self

    def touches(self, today: dt.date, late_days: int) -> Iterator[Touch]:
        """Yield what may be due on ``today`` or was on the ``late_days`` before."""
        for step in self.steps:
            if step.day is not None:
                yield Touch(f"{self.code}.d{step.day}", step.contents[0], step.day, None, step.tags)
            elif step.curve:
                for day, content in zip(FORGETTING_CURVE, step.contents, strict=False):
                    yield Touch(f"{self.code}.d{day}", content, day, None, step.tags)
            else:
                for back in range(late_days + 1):
                    day_then = today - dt.timedelta(days=back)
                    if day_then == step.on or _WEEKDAYS[day_then.weekday()] == step.weekly:
                        yield Touch(self._codes(step)[0], step.contents[0], None, day_then, step.tags)

    def _codes(self, step: Step) -> list[str]:
        if step.day is not None:
            return [f"{self.code}.d{step.day}"]
        if step.curve:
            return [f"{self.code}.d{day}" for day, _ in zip(FORGETTING_CURVE, step.contents, strict=False)]
        return [f"{self.code}.{step.weekly or step.on}"]


@dataclass(frozen=True)
class Sop:
    """Journeys and the content they speak, checked against each other."""

    journeys: dict[str, Journey]
    content: dict[str, Content]
    places: dict[str, str]
    """File, line and code of each journey, for what others find wrong with it."""

    def of(self, destinations: frozenset[str]) -> list[Journey]:
        """Return the journeys that go to one of these destinations, by priority."""
        found = [each for each in self.journeys.values() if each.destination in destinations]
        return sorted(found, key=lambda each: (each.priority, each.code))


def load_sop(journeys_path: Path | None = None, content_path: Path | None = None) -> Sop:
    """Read journeys and content.

    Raises:
        ContentError: something is wrong; all of it is told, with file and line.
    """
    content = load_content(content_path)
    journeys: Entries[Journey] = read_entries(journeys_path or JOURNEYS_PATH, Journey)
    for journey in journeys.by_code.values():
        for code in dict.fromkeys(code for step in journey.steps for code in step.contents):
            if code not in content.by_code:
                journeys.complain(journey.code, f"expected content of {content.name}, got {code!r}")
            else:
                for fault in _unfit(journey, content.by_code[code]):
                    journeys.complain(journey.code, fault)
    journeys.wrong = [*content.wrong, *journeys.wrong]
    journeys.refuse_wrong()
    places = {code: f"{journeys.name}:{line}: {code}" for code, line in journeys.lines.items()}
    return Sop(journeys.by_code, content.by_code, places)


def _unfit(journey: Journey, content: Content) -> Iterator[str]:
    """Yield why a journey's destination cannot carry a content."""
    for variant_code, words in content.spoken():
        name = f"{content.code}/{variant_code}" if variant_code else content.code
        if journey.destination in _OF_TEMPLATES:
            if not words.template_id:
                yield f"content {name}: expected template_id and data for {journey.destination}"
        elif words.template_id:
            yield f"content {name}: a template goes to {' and '.join(_OF_TEMPLATES)} only"
        if journey.destination == "wecom_group_messages" and not words.can_be_marked:
            yield (
                f"content {name}: expected a link or mini-program for wecom_group_messages: a task in doubt is "
                "known again by the mark in it"
            )
        if journey.destination == "wecom_moments" and (words.miniprogram or (words.link and words.images)):
            yield f"content {name}: wecom_moments take up to 9 images or one link"
        if journey.destination == "wecom_moments" and not words.link:
            yield f"content {name}: expected a link for wecom_moments: a task in doubt is known again by its mark"
        if journey.destination in _TO_NOBODY_ALONE and variant_code:
            yield f"content {name}: {journey.destination} go to many at once and have no variants"
