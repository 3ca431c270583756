"""Loads the rule files whole and checks them whole: all that is wrong is said at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from orchestration.rules.conditions import Known, Where, check_condition, leans_on
from orchestration.rules.schema import EXPECTED, FAMILIES, FeatureFile, Tag
from orchestration.rules.segment_schema import Exclusion, Segment
from orchestration.rules.segments import check_segments
from orchestration.rules.source import Place, Problems, Source, read_source
from orchestration.rules.steps import exempt_segments

RULES = "rules"
Model = TypeVar("Model", bound=BaseModel)


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
        leaning = {
            key: {other for _, condition in conditions_of(each) for other in leans_on(condition)}
            for key, each in self.by_key.items()
        }
        return exempt_segments([each.entry for each in self.exclusions], leaning)

    @property
    def by_key(self) -> dict[tuple[str, str], Placed]:
        """Tags and segments by ('tag' or 'segment', code)."""
        entries = {("tag", each.entry.code): each for each in self.tags}
        return entries | {("segment", each.entry.code): each for each in self.segments}

    @property
    def known(self) -> Known:
        """What conditions may name."""
        return _known(self.features, self.tags, self.segments)


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
    _check_features(features, feature_source, problems)
    _check_codes(tags, problems)
    _check_codes(segments, problems)
    _check_codes(exclusions, problems)
    problems.stop_if_any()
    rules = Rules(features, tags, segments, exclusions)
    _check_rules(rules, problems)
    problems.stop_if_any()
    check_segments(segments, exclusions, rules.exempt, problems)
    _check_cycles(rules, problems)
    problems.stop_if_any()
    return rules


def conditions_of(placed: Placed) -> list[tuple[Place, Any]]:
    """Return an entry's conditions with their places."""
    entry = placed.entry
    if isinstance(entry, Segment | Exclusion):
        own = enumerate(entry.exclude if isinstance(entry, Segment) else [])
        return [
            ((*placed.place, "when"), entry.when),
            *(((*placed.place, "exclude", number), each) for number, each in own),
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


def _check_features(features: FeatureFile, source: Source, problems: Problems) -> None:
    seen: set[str] = set()
    for field in ("measures", "ratios", "carried", "calendar", "attributes"):
        for number, entry in enumerate(cast("list[Any]", getattr(features, field))):
            template = getattr(entry, "windowed", None)
            names = [windowed_column(template, days) for days in features.windows] if template else []
            for name in (entry.name, *names):
                if name in seen:
                    problems.add(source, (field, number), f"feature {name}", "each name once", name)
                seen.add(name)
    measures = {measure.name: measure for measure in features.measures}
    for number, ratio in enumerate(features.ratios):
        for side in ("of", "per"):
            measure = measures.get(getattr(ratio, side))
            if measure is None or (ratio.windowed and not measure.windowed):
                kind = "measure with windows" if ratio.windowed else "measure"
                problems.add(
                    source,
                    ("ratios", number, side),
                    f"feature {ratio.name}",
                    f"a {kind}",
                    getattr(ratio, side),
                )
    if len(set(features.windows)) != len(features.windows):
        problems.add(source, ("windows",), "windows", "each length once", features.windows)


def _check_codes(entries: list[Placed], problems: Problems) -> None:
    first: dict[str, Placed] = {}
    for each in entries:
        before = first.setdefault(each.entry.code, each)
        if before is not each:
            there = before.source.at((*before.place, "code"))
            problems.add(
                each.source,
                (*each.place, "code"),
                each.what,
                f"each code once (first at {there})",
                each.entry.code,
            )


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


def _check_rules(rules: Rules, problems: Problems) -> None:
    known = rules.known
    for each in rules.tags:
        tag = each.entry
        if (tag.feature is None) == (tag.cases is None):
            problems.add(
                each.source,
                each.place,
                each.what,
                "feature (a fact tag) or cases (a rule tag)",
                sorted(tag.model_fields_set),
            )
        elif tag.feature is not None and tag.feature not in known.types:
            names = ", ".join(sorted(known.types))
            problems.add(
                each.source, (*each.place, "feature"), each.what, f"one of the features {names}", tag.feature
            )
        others = [("parent", tag.parent), *[("derived_from", code) for code in tag.derived_from]]
        for field, code in others:
            if code is not None and (code not in known.tags or code == tag.code):
                problems.add(each.source, (*each.place, field), each.what, "the code of another tag", code)
        _check_versions(each, problems)
    for each in (*rules.tags, *rules.segments, *rules.exclusions):
        for place, condition in conditions_of(each):
            check_condition(condition, known, Where(each.source, each.what, place, problems))


def _check_versions(placed: Placed, problems: Problems) -> None:
    """From the newest back: each version lower, each day earlier, and a day for all but the first."""
    tag = placed.entry
    if not tag.earlier:
        if tag.effective_from is not None:
            place = (*placed.place, "effective_from")
            problems.add(
                placed.source, place, placed.what, "`earlier` versions beside effective_from", "none"
            )
        return
    if tag.cases is None:
        problems.add(
            placed.source, (*placed.place, "earlier"), placed.what, "versions of a rule tag", "a fact tag"
        )
    newer = tag
    for number, each in enumerate(tag.earlier):
        place = (*placed.place, "earlier", number)
        if newer.effective_from is None:
            problems.add(
                placed.source, place[:-1], placed.what, "effective_from of the version after it", None
            )
        elif each.effective_from is not None and each.effective_from >= newer.effective_from:
            problems.add(
                placed.source,
                (*place, "effective_from"),
                placed.what,
                "a day before the next version's",
                each.effective_from,
            )
        if each.version >= newer.version:
            problems.add(
                placed.source, (*place, "version"), placed.what, "a lower version, newest first", each.version
            )
        newer = each
    if newer.effective_from is not None:
        place = (*placed.place, "earlier", len(tag.earlier) - 1, "effective_from")
        problems.add(
            placed.source, place, placed.what, "no effective_from of the first version", newer.effective_from
        )


def _check_cycles(rules: Rules, problems: Problems) -> None:
    """A rule that leans on itself, by whatever way, has no verdict."""
    entries = rules.by_key
    leaning = {
        key: {other for _, condition in conditions_of(each) for other in leans_on(condition)}
        for key, each in entries.items()
    }
    settled: set[tuple[str, str]] = set()
    while ready := {key for key, others in leaning.items() if key not in settled and others <= settled}:
        settled |= ready
    for key, each in entries.items():
        if key not in settled and key in _reached_from(key, leaning):
            round_trip = ", ".join(sorted(f"{kind} {code}" for kind, code in _reached_from(key, leaning)))
            problems.add(
                each.source, each.place, each.what, "rules that do not lean on themselves", round_trip
            )


def _reached_from(
    key: tuple[str, str], leaning: dict[tuple[str, str], set[tuple[str, str]]]
) -> set[tuple[str, str]]:
    reached: set[tuple[str, str]] = set()
    ahead = list(leaning[key])
    while ahead:
        each = ahead.pop()
        if each not in reached:
            reached.add(each)
            ahead += leaning[each]
    return reached
