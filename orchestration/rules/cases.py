"""Cases of rules in the words of events ("given these events, on that day she is 沉睡"), written as dbt unit tests.

They stand in `rules/cases/*.yml`; what is written here runs as any unit test of dbt does.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from orchestration.rules.declared import Rules
from orchestration.rules.derived import staff_tag_measure
from orchestration.rules.literals import literal
from orchestration.rules.load import RULES, parsed
from orchestration.rules.schema import Code, Entry, StaffTag, Text
from orchestration.rules.source import Problems, read_source

_HEAD = "# Generated from dbt_project/rules/cases/ by `siyu rules compile`.\nversion: 2\n\n"
_EPOCH = dt.date(1970, 1, 1)


class Case(Entry):
    """What happened to one customer, and what she carries by the end of which days; null is "does not carry it"."""

    case: Text
    given: Annotated[list[dict[str, Any]], Field(min_length=1)]
    traits: dict[str, Any] = Field(default_factory=dict)
    expect: Annotated[dict[dt.date, str | None], Field(min_length=1)]


class TagCases(Entry):
    """The cases of one tag."""

    tag: Code
    cases: Annotated[list[Case], Field(min_length=1)]


def unit_tests(project_dir: Path, rules: Rules) -> str:
    """Return the unit tests of all cases, as dbt reads them.

    Raises:
        RuleError: a case is wrong.
    """
    problems = Problems()
    codes = {each.entry.code for each in rules.tags}
    tests = []
    for path in sorted((project_dir / RULES / "cases").glob("*.yml")):
        source = read_source(path, f"{project_dir.name}/{RULES}/cases/{path.name}")
        for number, raw in enumerate(source.data or []):
            entry = parsed(TagCases, source, (number,), f"cases no. {number + 1}", raw, problems)
            if entry is not None and entry.tag not in codes:
                problems.add(source, (number, "tag"), "cases", "the code of a tag", entry.tag)
            elif entry is not None:
                tests.append(_unit_test(entry))
    problems.stop_if_any()
    return _HEAD + "unit_tests:\n" + "\n".join(tests) if tests else _HEAD


def _unit_test(entry: TagCases) -> str:
    given = {
        each.case: {
            "on": [day.isoformat() for day in each.expect],
            "traits": each.traits,
            "events": [_event(event) for event in each.given],
        }
        for each in entry.cases
    }
    column = f"tag_{entry.tag}"
    rows = [
        f"        - {{customer_id: {_quoted(each.case)}, change_day: {(day - _EPOCH).days}, "
        f"{column}: {_quoted(value)}}}  # {day}"
        for each in entry.cases
        for day, value in sorted(each.expect.items())
    ]
    lines = [
        f"  - name: {column}__in_words_of_events",
        "    model: int_run__verdicts",
        "    given:",
        "      - input: ref('int_run__timeline')",
        "        format: sql",
        # dbt renders this file before it knows any macro; the text is rendered again when the test runs.
        f"        rows: |\n          {{% raw %}}{{{{ given_events({literal(given)}) }}}}{{% endraw %}}",
        "    expect:",
        "      rows:",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event by its measures: `staff_tag` is one put on her, `staff_tag_taken` one taken off."""
    plain = {
        key: value for key, value in event.items() if key not in ("staff_tag", "staff_tag_taken", "group")
    }
    for field, change in (("staff_tag", 1), ("staff_tag_taken", -1)):
        if field in event:
            name = staff_tag_measure(StaffTag(name=event[field], group=event.get("group"))).name
            plain |= {name: change, "is_own": 0, "is_seen": 0}
    return plain


def _quoted(value: str | None) -> str:
    return "null" if value is None else json.dumps(value, ensure_ascii=False)
