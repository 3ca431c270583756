"""Checks what segments say about each other: priorities, contracts, and how many steps they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.rules.segment_schema import MOST_STEPS
from orchestration.rules.source import Problems
from orchestration.rules.steps import steps_of

if TYPE_CHECKING:
    from orchestration.rules.declared import Placed


def check_segments(
    segments: Sequence[Placed], exclusions: Sequence[Placed], exempt: frozenset[str], problems: Problems
) -> None:
    """Note whatever is wrong between segments whose own entries are in order."""
    codes = {each.entry.code for each in segments}
    first: dict[tuple[str, int], Placed] = {}
    for each in segments:
        segment = each.entry
        if segment.treatment_group is not None:
            before = first.setdefault((segment.treatment_group, segment.priority), each)
            if before is not each:
                problems.add(
                    each.source,
                    (*each.place, "priority"),
                    each.what,
                    f"each priority once in the treatment group {segment.treatment_group} "
                    f"({before.what} has it)",
                    segment.priority,
                )
        if segment.contract_before is not None and segment.contract_before not in codes:
            problems.add(
                each.source,
                (*each.place, "contract_version"),
                each.what,
                f"the segment {segment.contract_before} beside it, for those who still read that contract",
                None,
            )
        for version in (None, *segment.earlier):
            steps = steps_of(segment, [other.entry for other in exclusions], exempt, version)
            if len(steps) > MOST_STEPS:
                problems.add(
                    each.source,
                    each.place,
                    each.what,
                    f"at most {MOST_STEPS} conditions and exclusions",
                    len(steps),
                )
