"""Writes the rules as dbt macros that return plain data: dbt's unit tests can override macros, and read no files.

The generated file is committed. It carries a digest of its sources, which a run compares with the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.settings import DBT_PROJECT_DIR
from orchestration.rules.cases import unit_tests
from orchestration.rules.declared import Placed, Rules
from orchestration.rules.literals import literal
from orchestration.rules.load import RULES, load_rules, rule_files
from orchestration.rules.segment_models import gone_models, segment_models
from orchestration.rules.source import RuleError
from orchestration.rules.steps import Step, in_words, steps_of

_HEAD = """\
{#- Generated from dbt_project/rules/ by `siyu rules compile`, which every run does by itself. -#}
"""
# Shown to people, asked by no rule.
_NO_ANSWER = {
    "name_zh", "description_zh", "owner", "parent", "exclusive_group", "derived_from", "purpose", "caps",
    "consent_purpose", "step_texts",
}  # fmt: skip


def generated_path(project_dir: Path = DBT_PROJECT_DIR) -> Path:
    """Return where the macros are written."""
    return project_dir / "macros" / "generated" / "rules.sql"


def compile_rules(project_dir: Path = DBT_PROJECT_DIR) -> bool:
    """Check the rules and write the macros where they differ; returns whether they did.

    A project without rules gets no macros.

    Raises:
        RuleError: a rule is wrong, or the file has to be written and cannot be.
    """
    if not (project_dir / RULES).is_dir():
        return False
    files = generated_files(project_dir)
    gone = gone_models(project_dir, files)
    for path in gone:
        path.unlink(missing_ok=True)
    written = [_write(path, text) for path, text in files.items()]
    return any(written) or bool(gone)


def generated_files(project_dir: Path = DBT_PROJECT_DIR) -> dict[Path, str]:
    """Return what is to be written, by path.

    Raises:
        RuleError: a rule or a case is wrong.
    """
    rules = load_rules(project_dir)
    cases = project_dir / "models" / "intermediate" / "customers" / "_rule_cases.yml"
    return {
        generated_path(project_dir): generated(rules, sources_digest(project_dir)),
        cases: unit_tests(project_dir, rules),
        **segment_models(project_dir, rules),
    }


def _write(path: Path, text: str) -> bool:
    """Write a file where it differs, whole or not at all; returns whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, scratch = tempfile.mkstemp(dir=path.parent, prefix=".rules")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except OSError as error:
        raise RuleError(
            [
                f"{path}: rules changed since they were compiled, and this cannot be written ({error.strerror}); "
                "run `siyu rules compile` where it can"
            ]
        ) from error
    return True


def sources_digest(project_dir: Path) -> str:
    """Return the digest that the macro ``rules_digest`` computes as well: names and contents in the order of paths."""
    digest = hashlib.md5(usedforsecurity=False)
    for path in rule_files(project_dir):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def generated(rules: Rules, digest: str) -> str:
    """Return the text of the macro file."""
    tags, segments = [_tag(each) for each in rules.tags], _segments(rules)
    features = rules.features.model_dump(exclude_none=True)
    asked = {
        "features": {key: each if key == "windows" else _asked(each) for key, each in features.items()},
        "tags": _asked(tags),
        "segments": _asked(segments),
    }
    answers = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    return _HEAD + "\n".join(
        [
            _macro("feature_definitions", _mapping(features)),
            _macro("tag_definitions", _list(tags)),
            _macro("segment_definitions", _list(segments)),
            _macro("compiled_rules_digest", literal(digest)),
            _macro("rules_answers_digest", literal(answers)),
        ]
    )


def rules_as_data(rules: Rules) -> dict[str, Any]:
    """Return tags, segments (with their steps), names of features by column, and windowed columns, as plain data."""
    columns = rules.known.types
    names = _names(rules)
    return {
        "tags": [_tag(each) for each in rules.tags],
        "segments": _segments(rules),
        "names": {column: names("feature", column) for column in columns},
        "windowed": {f"{measure} {days}": column for (measure, days), column in rules.known.windowed.items()},
    }


def _tag(placed: Placed) -> dict[str, Any]:
    made = "fact" if placed.entry.feature else "rule"
    return {**_plain(placed.entry), "family": placed.family, "made": made}


def _segments(rules: Rules) -> list[dict[str, Any]]:
    """Segments with their steps, which hold the exclusions as well; ``when`` stays as it was written."""
    exclusions = [each.entry for each in rules.exclusions]
    names = _names(rules)
    found = []
    for each in rules.segments:
        plain = _plain(each.entry)
        steps = steps_of(each.entry, exclusions, rules.exempt)
        before = [steps_of(each.entry, exclusions, rules.exempt, version) for version in each.entry.earlier]
        earlier = [
            {**version, **_steps(made, names)} for version, made in zip(plain["earlier"], before, strict=True)
        ]
        found.append({"salt": each.entry.code, **plain, "earlier": earlier, **_steps(steps, names)})
    return found


def _steps(steps: list[Step], names: Callable[[str, str], str]) -> dict[str, Any]:
    return {
        "steps": [{"kind": step.kind, "when": step.when} for step in steps],
        "step_texts": [in_words(step.when, names) for step in steps],
    }


def _names(rules: Rules) -> Callable[[str, str], str]:
    """Return what gives the Chinese name of a ('feature', column), a ('tag', code) or a ('segment', code)."""
    names = {key: each.entry.name_zh for key, each in rules.by_key.items()}
    features = rules.features
    for named in (*features.attributes, *features.carried, *features.calendar):
        names["feature", named.name] = named.name_zh
    for number in features.numbers:
        names["feature", number.name] = number.name_zh
    for (name, days), column in rules.known.windowed.items():
        names["feature", column] = f"{names['feature', name]}（近 {days} 天）"
    return lambda kind, code: names.get((kind, code), code)


def _plain(entry: Any) -> dict[str, Any]:
    plain: dict[str, Any] = entry.model_dump(exclude_none=True)
    return plain


def _asked(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key not in _NO_ANSWER} for entry in entries]


def _macro(name: str, body: str) -> str:
    return f"{{% macro {name}() %}}\n    {{{{ return({body}) }}}}\n{{% endmacro %}}\n"


def _mapping(value: dict[str, Any]) -> str:
    rows = []
    for key, each in value.items():
        holds_entries = isinstance(each, list) and each and isinstance(each[0], dict)
        rows.append(f"        {literal(key)}: {_list(each, 8) if holds_entries else literal(each)}")
    return "{\n" + ",\n".join(rows) + "\n    }"


def _list(rows: list[dict[str, Any]], indent: int = 4) -> str:
    """One entry a line, so that a change shows as one."""
    inside = " " * (indent + 4)
    return "[" + "".join(f"\n{inside}{literal(row)}," for row in rows) + f"\n{' ' * indent}]"
