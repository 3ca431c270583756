"""A segment as the steps that somebody passes to be in it: its conditions in order, then its exclusions.

The funnel counts whom each step keeps; the reason of an exit is the first step that is no longer passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.rules.conditions import leans_on, plain
from orchestration.rules.segment_schema import EarlierSegment, Exclusion, Segment

CONDITION, EXCLUDED = "condition", "excluded"


@dataclass(frozen=True)
class Step:
    """``when`` must hold to pass; of an exclusion that is the opposite of what it says."""

    kind: str
    when: dict[str, Any]
    exclusion: str | None = None  # code of a global one


def steps_of(
    segment: Segment,
    exclusions: Iterable[Exclusion],
    exempt: frozenset[str],
    version: EarlierSegment | None = None,
) -> list[Step]:
    """Return the steps of a checked segment, or of an earlier version; ``exempt`` ones know no global exclusions."""
    asked = version or segment
    when = plain(asked.when)
    steps = [Step(CONDITION, part) for part in when.get("all", [when])]
    steps += [Step(EXCLUDED, {"not": plain(each)}) for each in asked.exclude]
    if segment.code not in exempt:
        steps += [Step(EXCLUDED, {"not": plain(each.when)}, each.code) for each in exclusions]
    return steps


def exempt_segments(
    exclusions: Iterable[Exclusion], leaning: Mapping[tuple[str, str], Iterable[tuple[str, str]]]
) -> frozenset[str]:
    """Return the segments that some global exclusion asks about, by whatever way: else it were a circle."""
    reached: set[tuple[str, str]] = set()
    ahead = [key for each in exclusions for key in leans_on(each.when)]
    while ahead:
        key = ahead.pop()
        if key not in reached:
            reached.add(key)
            ahead += leaning.get(key, ())
    return frozenset(code for kind, code in reached if kind == "segment")


def in_words(condition: Mapping[str, Any], names: Callable[[str, str], str]) -> str:
    """Return a plain condition in Chinese; ``names(kind, code)`` names a feature, tag or segment."""
    if "all" in condition or "any" in condition:
        parts = condition.get("all") or condition["any"]
        return (" 且 " if "all" in condition else " 或 ").join(_bracketed(each, names) for each in parts)
    if "not" in condition:
        return f"非 {_bracketed(condition['not'], names)}"
    if "segment" in condition:
        return f"属于人群「{names('segment', condition['segment'])}」"
    if "has_tag" in condition:
        values = condition.get("in") or ([condition["value"]] if "value" in condition else [])
        told = f"为 {' / '.join(values)}" if values else ""
        return f"有标签「{names('tag', condition['has_tag'])}」{told}"
    name = names("feature", condition["feature"])
    if "window" in condition:
        name = f"{name}（近 {condition['window']} 天）"
    value = condition["value"]
    if condition["op"] == "between":
        return f"{value[0]} ≤ {name} ≤ {value[1]}"
    sign = {">=": "≥", "<=": "≤", "!=": "≠", "in": "属于", "not_in": "不属于"}.get(
        condition["op"], condition["op"]
    )
    return f"{name} {sign} {'、'.join(map(str, value)) if isinstance(value, list) else value}"


def _bracketed(condition: Mapping[str, Any], names: Callable[[str, str], str]) -> str:
    text = in_words(condition, names)
    return f"（{text}）" if {"all", "any"} & set(condition) else text
