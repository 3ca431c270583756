"""Measures that follow from the rules themselves: staff tags that conditions name, and categories of question.

They are counted like every other measure, so history, windows, `siyu why` and the timeline know nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from orchestration.rules.declared import Placed, conditions_of
from orchestration.rules.schema import FeatureFile, Measure, StaffTag
from orchestration.rules.source import Place, Problems

_FIELDS = {"staff_tag", "group"}


def add_measures(features: FeatureFile, entries: Iterable[Placed], problems: Problems) -> None:
    """Add a measure per category of question and per staff tag that a condition asks for.

    A condition ``{staff_tag: 勿扰, group: 跟进状态}`` becomes one over that measure, in place.
    """
    for question in features.questions:
        features.measures.append(
            Measure(
                name=f"question_{question.code}_count",
                name_zh=f"{question.name_zh}咨询次数",
                description_zh=f"她写来的文字里提到{question.name_zh}的次数。",
                windowed=f"questions_{question.code}_{{days}}d_count",
                events=["text", "order"],
                question=question.code,
            )
        )
    known = {measure.name: measure for measure in features.measures}
    for placed in entries:
        for place, condition in conditions_of(placed):
            for where, leaf in _staff_conditions(condition, place):
                wanted = _wanted(placed, where, leaf, problems)
                if wanted is None:
                    continue
                measure = staff_tag_measure(wanted)
                if measure.name not in known:
                    known[measure.name] = measure
                    features.measures.append(measure)
                leaf.clear()
                leaf.update({"feature": measure.name, "op": ">=", "value": 1})


def _staff_conditions(condition: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    if isinstance(condition, list):
        for number, each in enumerate(condition):
            yield from _staff_conditions(each, (*place, number))
    elif isinstance(condition, dict):
        if "staff_tag" in condition:
            yield place, condition
        for joiner in ("all", "any", "not"):
            yield from _staff_conditions(condition.get(joiner), (*place, joiner))


def _wanted(placed: Placed, place: Place, leaf: dict[str, Any], problems: Problems) -> StaffTag | None:
    right = True
    for extra in sorted(set(leaf) - _FIELDS):
        problems.add(placed.source, (*place, extra), placed.what, "only group beside staff_tag", extra)
        right = False
    for field in sorted(_FIELDS & set(leaf)):
        value = leaf[field]
        if not isinstance(value, str) or not value.strip():
            problems.add(placed.source, (*place, field), placed.what, "a text that is not empty", value)
            right = False
    return StaffTag(name=leaf["staff_tag"], group=leaf.get("group")) if right else None


def staff_tag_measure(wanted: StaffTag) -> Measure:
    """Return the measure of a staff tag: how many relations of hers carry it."""
    digest = hashlib.sha256(f"{wanted.group or ''}\0{wanted.name}".encode()).hexdigest()[:12]
    title = f"{wanted.group}/{wanted.name}" if wanted.group else wanted.name
    return Measure(
        name=f"staff_tag_{digest}",
        name_zh=f"员工标签「{title}」",
        description_zh=f"当日有几位员工给她打着企业微信标签「{title}」。",
        events=["staff_tag"],
        staff_tag=wanted,
    )
