"""What the rule files declare, and where: entries with their places, and what conditions may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestration.rules.conditions import Known, leans_on
from orchestration.rules.schema import FeatureFile
from orchestration.rules.segment_schema import Exclusion, Segment
from orchestration.rules.source import Place, Source
from orchestration.rules.steps import exempt_segments


@dataclass(frozen=True)
class Placed:
    """An entry and where it stands; ``family`` is the file's name for tags, empty for segments."""

    entry: Any
    source: Source
    place: Place
    family: str = ""

    @property
    def what(self) -> str:
        return f"{type(self.entry).__name__.lower()} {self.entry.code}"


@dataclass(frozen=True)
class Rules:
    """Everything declared, checked."""

    features: FeatureFile
    tags: list[Placed]
    segments: list[Placed]
    exclusions: list[Placed]

    @property
    def exempt(self) -> frozenset[str]:
        """Segments that no global exclusion applies to, since one asks about them."""
        return exempt_segments([each.entry for each in self.exclusions], self.leaning)

    @property
    def leaning(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        """Of every tag and segment, the tags and segments that its own rule asks for."""
        return {
            key: {other for _, condition in conditions_of(each) for other in leans_on(condition)}
            for key, each in self.by_key.items()
        }

    @property
    def by_key(self) -> dict[tuple[str, str], Placed]:
        """Tags and segments by ('tag' or 'segment', code)."""
        entries = {("tag", each.entry.code): each for each in self.tags}
        return entries | {("segment", each.entry.code): each for each in self.segments}

    @property
    def known(self) -> Known:
        """What conditions may name."""
        return _known(self.features, self.tags, self.segments)


def conditions_of(placed: Placed) -> list[tuple[Place, Any]]:
    """Return an entry's conditions with their places."""
    entry = placed.entry
    if isinstance(entry, Segment | Exclusion):
        if isinstance(entry, Exclusion):
            return [((*placed.place, "when"), entry.when)]
        versions: list[tuple[Place, Any]] = [(placed.place, entry)]
        versions += [((*placed.place, "earlier", which), each) for which, each in enumerate(entry.earlier)]
        return [
            found
            for place, version in versions
            for found in (
                ((*place, "when"), version.when),
                *(((*place, "exclude", number), each) for number, each in enumerate(version.exclude)),
            )
        ]
    own_cases = [
        ((*placed.place, "cases", number, "when"), case.when) for number, case in enumerate(entry.cases or [])
    ]
    return own_cases + [
        ((*placed.place, "earlier", which, "cases", number, "when"), case.when)
        for which, earlier in enumerate(entry.earlier)
        for number, case in enumerate(earlier.cases)
    ]


def windowed_column(template: str, days: int) -> str:
    """Return the name of a measure over the last ``days`` days."""
    return template.replace("{days}", str(days))


def _known(features: FeatureFile, tags: list[Placed], segments: list[Placed]) -> Known:
    numbers = features.numbers
    windowed = {
        (entry.name, days): windowed_column(entry.windowed, days)
        for entry in numbers
        if entry.windowed
        for days in features.windows
    }
    types: dict[str, str] = {attribute.name: attribute.type for attribute in features.attributes}
    types |= dict.fromkeys([entry.name for entry in (*numbers, *features.calendar)], "number")
    types |= dict.fromkeys([entry.name for entry in features.carried], "text")
    types |= dict.fromkeys(windowed.values(), "number")
    values = {
        each.entry.code: frozenset(
            case.value for version in (each.entry, *each.entry.earlier) for case in version.cases
        )
        if each.entry.cases
        else None
        for each in tags
    }
    return Known(types, windowed, values, frozenset(each.entry.code for each in segments))
