"""Loads the rule files whole and checks them whole: all that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from orchestration.rules.checks import check_codes, check_cycles, check_features, check_rules
from orchestration.rules.declared import Placed, Rules
from orchestration.rules.derived import add_measures
from orchestration.rules.schema import EXPECTED, FAMILIES, FeatureFile, Tag
from orchestration.rules.segment_schema import Exclusion, Segment
from orchestration.rules.segments import check_segments
from orchestration.rules.source import Place, Problems, Source, read_source

RULES = "rules"
Model = TypeVar("Model", bound=BaseModel)


def rule_files(project_dir: Path) -> list[Path]:
    """Return the files that hold rules, in the order of their names."""
    return sorted((project_dir / RULES).rglob("*.yml"), key=str)


def load_rules(project_dir: Path) -> Rules:
    """Return the rules of a dbt project.

    Raises:
        RuleError: something is wrong; it lists all problems with file, line, what was expected and what was got.
    """
    problems = Problems()
    folder = project_dir / RULES
    name = f"{project_dir.name}/{RULES}"
    feature_source = read_source(folder / "features.yml", f"{name}/features.yml")
    features = parsed(FeatureFile, feature_source, (), "features", feature_source.data, problems)
    tags: list[Placed] = []
    for path in sorted((folder / "tags").glob("*.yml")):
        source = read_source(path, f"{name}/tags/{path.name}")
        if path.stem not in FAMILIES:
            problems.add(
                source, (), "tags", f"a file named after a family ({', '.join(FAMILIES)})", path.name
            )
        tags += _entries(Tag, source, path.stem, problems)
    source = read_source(folder / "segments.yml", f"{name}/segments.yml")
    segments = _entries(Segment, source, "", problems)
    exclusions: list[Placed] = []
    if (folder / "exclusions.yml").exists():
        source = read_source(folder / "exclusions.yml", f"{name}/exclusions.yml")
        exclusions = _entries(Exclusion, source, "", problems)
    problems.stop_if_any()
    assert features is not None
    add_measures(features, [*tags, *segments, *exclusions], problems)
    problems.stop_if_any()
    check_features(features, feature_source, problems)
    check_codes(tags, problems)
    check_codes(segments, problems)
    check_codes(exclusions, problems)
    problems.stop_if_any()
    rules = Rules(features, tags, segments, exclusions)
    check_rules(rules, problems)
    problems.stop_if_any()
    check_segments(segments, exclusions, rules.exempt, problems)
    check_cycles(rules, problems)
    problems.stop_if_any()
    return rules


def _entries(model: type[Model], source: Source, family: str, problems: Problems) -> list[Placed]:
    if source.data is None:
        return []
    if not isinstance(source.data, list):
        problems.add(source, (), model.__name__.lower(), "a list of entries", source.data)
        return []
    found = []
    for number, raw in enumerate(source.data):
        code = raw.get("code", f"no. {number + 1}") if isinstance(raw, dict) else f"no. {number + 1}"
        entry = parsed(model, source, (number,), f"{model.__name__.lower()} {code}", raw, problems)
        if entry is not None:
            found.append(Placed(entry, source, (number,), family))
    return found


def parsed(
    model: type[Model], source: Source, place: Place, what: str, raw: Any, problems: Problems
) -> Model | None:
    """Return an entry as its model has it, or note what is wrong with it and return None."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            steps = each["loc"]
            kind, got = each["type"], each["input"]
            expected = EXPECTED.get(kind) or each["msg"].replace("Input should be ", "").replace(
                "String should ", "to "
            ).removeprefix("Value error, ")
            if kind in ("missing", "extra_forbidden"):
                expected, got = f"{expected} ({steps[-1]})", None if kind == "missing" else steps[-1]
            elif steps:
                expected = f"{steps[-1]} to be {expected}"
            problems.add(source, (*place, *steps), what, expected, got)
        return None
