"""Journeys held against the rules: their segments, destinations, tags and variants are those that are declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestration.rules.load import Rules

if TYPE_CHECKING:
    from activation.messages.journeys import Journey, Sop


def checked_journeys(rules: Rules) -> list[Journey]:
    """Return the journeys.

    Raises:
        ContentError: something is wrong; all of it is told, with file and line.
    """
    from activation.messages.journeys import load_sop
    from activation.messages.placed_yaml import ContentError

    sop = load_sop()
    wrong = [
        f"{sop.places[journey.code]}: {fault}"
        for journey in sop.journeys.values()
        for fault in _faults(journey, sop, rules)
    ]
    if wrong:
        raise ContentError("\n".join([*wrong, "correct it and run again"]))
    return list(sop.journeys.values())


def _faults(journey: Journey, sop: Sop, rules: Rules) -> Iterator[str]:
    segments = {each.entry.code: each.entry for each in rules.segments}
    segment = segments.get(journey.segment)
    if segment is None:
        yield f"segment: expected one of rules/segments.yml, got {journey.segment!r}"
        return
    if journey.destination not in segment.destinations:
        yield (
            f"destination: expected one of {segment.destinations} of segment {segment.code}, "
            f"got {journey.destination!r}; add it there"
        )
    tags = {each.entry.code for each in rules.tags}
    drawn = {each.code for each in segment.variants}
    for step in journey.steps:
        for tag in step.tags.keys() - tags:
            yield f"tags: expected one of rules/tags/, got {tag!r}"
        for code in step.contents:
            spoken = {variant for variant, _ in sop.content[code].spoken() if variant}
            if (spoken and drawn - spoken) or (spoken and not drawn):
                yield (
                    f"content {code}: expected variants {sorted(drawn)} of segment {segment.code}, "
                    f"got {sorted(spoken)}"
                )
