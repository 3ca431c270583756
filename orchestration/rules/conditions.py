"""Checks one condition of a rule, and says on which tags and segments it leans.

A condition is ``{feature, op, value}``, with ``window`` for the last so many days; ``{has_tag, value|in}``;
``{segment}``; ``all`` / ``any`` (lists) or ``not`` (one) of conditions; or a set operation over segments: ``union``,
``intersect`` or ``except`` (the first without the others) of a list of codes and further set operations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestration.rules.source import Place, Problems, Source

OPS_FOR_TEXT = ("=", "!=", "in", "not_in")
OPS_FOR_NUMBERS = (*OPS_FOR_TEXT, ">", ">=", "<", "<=", "between")
_FIELDS = {
    "feature": {"feature", "window", "op", "value"},
    "has_tag": {"has_tag", "value", "in"},
    "segment": {"segment"},
    "staff_tag": {"staff_tag", "group"},
    "all": {"all"},
    "any": {"any"},
    "not": {"not"},
    "union": {"union"},
    "intersect": {"intersect"},
    "except": {"except"},
}
SET_OPERATIONS = ("union", "intersect", "except")


@dataclass(frozen=True)
class Known:
    """What conditions may name: column of a feature -> its type, (measure, window) -> column, tags -> their values.

    A tag's values are None where a feature is copied and any text can be one.
    """

    types: dict[str, str]
    windowed: dict[tuple[str, int], str]
    tags: dict[str, frozenset[str] | None]
    segments: frozenset[str]


@dataclass(frozen=True)
class Where:
    """Whose condition it is, and where it stands."""

    source: Source
    what: str  # "tag value_level"
    place: Place
    problems: Problems

    def inside(self, *steps: str | int) -> Where:
        return Where(self.source, self.what, (*self.place, *steps), self.problems)

    def wrong(self, expected: str, got: object) -> None:
        self.problems.add(self.source, self.place, self.what, expected, got)


def check_condition(condition: Any, known: Known, where: Where) -> None:
    """Note in ``where.problems`` whatever is wrong with a condition."""
    kinds = [kind for kind in _FIELDS if isinstance(condition, dict) and kind in condition]
    if len(kinds) != 1:
        where.wrong(f"a condition with one of {', '.join(_FIELDS)}", condition)
        return
    kind = kinds[0]
    if kind == "staff_tag":  # written as a feature where it stands in a rule (rules.derived)
        where.wrong("tags and segments only; staff tags are asked for by rules", condition)
        return
    for extra in sorted(set(condition) - _FIELDS[kind]):
        where.inside(extra).wrong(f"only {', '.join(sorted(_FIELDS[kind]))} beside {kind}", extra)
    if kind in ("all", "any"):
        parts = condition[kind]
        if not isinstance(parts, list) or not parts:
            where.inside(kind).wrong("a list of at least one condition", parts)
            return
        for number, part in enumerate(parts):
            check_condition(part, known, where.inside(kind, number))
    elif kind == "not":
        check_condition(condition["not"], known, where.inside("not"))
    elif kind == "feature":
        _check_feature(condition, known, where)
    elif kind == "has_tag":
        _check_has_tag(condition, known, where)
    elif kind in SET_OPERATIONS:
        _check_set_operation(condition, kind, known, where)
    elif condition["segment"] not in known.segments:
        where.inside("segment").wrong(f"one of the segments {_listed(known.segments)}", condition["segment"])


def plain(condition: Any) -> dict[str, Any]:
    """Return a checked condition with its set operations written as all, any and not."""
    if isinstance(condition, str):
        return {"segment": condition}
    if "union" in condition:
        return {"any": [plain(each) for each in condition["union"]]}
    if "intersect" in condition:
        return {"all": [plain(each) for each in condition["intersect"]]}
    if "except" in condition:
        first, *others = (plain(each) for each in condition["except"])
        return {"all": [first, *({"not": each} for each in others)]}
    if "not" in condition:
        return {"not": plain(condition["not"])}
    for joiner in ("all", "any"):
        if joiner in condition:
            return {joiner: [plain(each) for each in condition[joiner]]}
    return dict(condition)


def leaves(condition: Any) -> Iterator[dict[str, Any]]:
    """Yield the conditions that hold no others; of set operations, one per segment."""
    condition = plain(condition)
    for part in (
        condition.get("all") or condition.get("any") or ([condition["not"]] if "not" in condition else [])
    ):
        yield from leaves(part)
    if not {"all", "any", "not"} & set(condition):
        yield condition


def leans_on(condition: Any) -> set[tuple[str, str]]:
    """Return the ('tag', code) and ('segment', code) that a checked condition names."""
    named = {("tag", leaf["has_tag"]) for leaf in leaves(condition) if "has_tag" in leaf}
    return named | {("segment", leaf["segment"]) for leaf in leaves(condition) if "segment" in leaf}


def _check_feature(condition: dict[str, Any], known: Known, where: Where) -> None:
    name, column = condition["feature"], condition["feature"]
    if "window" in condition:
        window = condition["window"]
        windows = sorted(days for measure, days in known.windowed if measure == name)
        if not windows:
            measures = {measure for measure, _ in known.windowed}
            where.inside("feature").wrong(f"one of the measures {_listed(measures)} beside window", name)
            return
        if isinstance(window, bool) or window not in windows:
            where.inside("window").wrong(
                f"one of the windows {_listed(windows)} of rules/features.yml", window
            )
            return
        column = known.windowed[name, window]
    kind = known.types.get(column) if isinstance(column, str) else None
    if kind is None:
        where.inside("feature").wrong(f"one of the features {_listed(known.types)}", name)
        return
    ops = OPS_FOR_NUMBERS if kind == "number" else OPS_FOR_TEXT
    op, value = condition.get("op"), condition.get("value")
    if op not in ops:
        where.inside("op").wrong(f"one of {' '.join(ops)}", op)
    elif op in ("in", "not_in"):
        _check_list(value, kind, where.inside("value"))
    elif op == "between":
        ends = where.inside("value")
        if not isinstance(value, list) or len(value) != 2 or not all(_is_number(each) for each in value):
            ends.wrong("two numbers, both included", value)
        elif value[0] > value[1]:
            ends.wrong("the smaller number first", value)
    else:
        _check_value(value, kind, where.inside("value"))


def _check_has_tag(condition: dict[str, Any], known: Known, where: Where) -> None:
    code = condition["has_tag"]
    if code not in known.tags:
        where.inside("has_tag").wrong(f"one of the tags {_listed(known.tags)}", code)
        return
    if "value" in condition and "in" in condition:
        where.wrong("value or in, not both", condition)
        return
    wanted = condition["in"] if "in" in condition else [condition["value"]] if "value" in condition else []
    field = "in" if "in" in condition else "value"
    if "in" in condition and not _check_list(wanted, "text", where.inside("in")):
        return
    values = known.tags[code]
    for value in wanted:
        if not isinstance(value, str):
            where.inside(field).wrong("a text", value)
        elif values is not None and value not in values:
            where.inside(field).wrong(f"one of the values {_listed(values)} of the tag {code}", value)


def _check_set_operation(condition: dict[str, Any], kind: str, known: Known, where: Where) -> None:
    parts = condition[kind]
    if not isinstance(parts, list) or len(parts) < 2:
        where.inside(kind).wrong("a list of at least two segments", parts)
        return
    for number, part in enumerate(parts):
        inside = where.inside(kind, number)
        if isinstance(part, dict) and len(part) == 1 and set(part) <= set(SET_OPERATIONS):
            _check_set_operation(part, next(iter(part)), known, inside)
        elif not isinstance(part, str) or part not in known.segments:
            inside.wrong(f"one of the segments {_listed(known.segments)}, or a set operation", part)


def _check_list(values: Any, kind: str, where: Where) -> bool:
    if not isinstance(values, list) or not values:
        where.wrong("a list of at least one value", values)
        return False
    for number, value in enumerate(values):
        _check_value(value, kind, where.inside(number))
    return True


def _check_value(value: Any, kind: str, where: Where) -> None:
    if kind == "number" and not _is_number(value):
        where.wrong("a number", value)
    if kind == "text" and not isinstance(value, str):
        where.wrong("a text", value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _listed(names: Any) -> str:
    return ", ".join(str(each) for each in sorted(names))
