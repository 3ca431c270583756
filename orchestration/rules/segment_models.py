"""Writes one dbt model and its YAML per segment, so that a segment is declared in one place only."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from orchestration.rules.declared import Rules

FOLDER = Path("models") / "marts" / "segments" / "generated"
_COLUMNS = {
    "customer_id": (
        "varchar",
        "Siyu's own id of the customer, derived from her earliest-loaded identifier; text.",
    ),
    "entered_date": ("date", "Business day on which she entered."),
    "is_holdout": ("boolean", "In the control group (对照组): never receives anything."),
    "variant_code": ("varchar", "Her arm of the A/B split; null where the segment has none."),
    "is_treated": (
        "boolean",
        "Not held out, and no segment of the same treatment group goes before this one.",
    ),
    "rule_version": ("integer", "Version of the rule that gave the verdict."),
}
_NOTE = "Generated from rules/segments.yml by `siyu rules compile`."


def segment_models(project_dir: Path, rules: Rules) -> dict[Path, str]:
    """Return the text of every file by its path."""
    folder, files = project_dir / FOLDER, {}
    for each in rules.segments:
        name = f"seg_{each.entry.code}"
        files[folder / f"{name}.sql"] = (
            f"-- {_NOTE}\n{{{{ config(materialized='view') }}}}\n\n{{{{ segment_model('{each.entry.code}') }}}}\n"
        )
        files[folder / f"{name}.yml"] = _properties(name, each.entry)
    return files


def gone_models(project_dir: Path, files: Collection[Path]) -> list[Path]:
    """Return the files of segments that are declared no more."""
    return [path for path in (project_dir / FOLDER).glob("seg_*") if path not in files]


def _properties(name: str, segment: Any) -> str:
    description = f"One row per present member of the segment: {segment.name_zh}. {segment.description_zh}"
    lines = [
        f"# {_NOTE}",
        "version: 2",
        "",
        "models:",
        f"  - name: {name}",
        f"    description: {_text(description)}",
        f"    config: {{meta: {{contract_version: {segment.contract_version}}}}}",
        "    columns:",
    ]
    for column, (kind, about) in _COLUMNS.items():
        lines += [
            f"      - name: {column}",
            f"        description: {_text(about)}",
            f"        data_type: {kind}",
        ]
        if column == "customer_id":
            # That she stands there once is asserted of segment_members, for all segments at once.
            lines += ["        constraints:", "          - type: not_null"]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """YAML's double-quoted text, with what dbt would take for Jinja escaped."""
    return "".join(
        f"\\u{ord(each):04x}" if each in "{}%#" else each for each in json.dumps(value, ensure_ascii=False)
    )
