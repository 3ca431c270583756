"""Checks what the entries of the rule files say about each other, once each of them is in order by itself."""

from __future__ import annotations

from typing import Any, cast

from orchestration.rules.conditions import Where, check_condition
from orchestration.rules.declared import Placed, Rules, conditions_of, windowed_column
from orchestration.rules.schema import FeatureFile
from orchestration.rules.source import Problems, Source


def check_features(features: FeatureFile, source: Source, problems: Problems) -> None:
    seen: set[str] = set()
    codes = [question.code for question in features.questions]
    for number, code in enumerate(codes):
        if code in codes[:number]:
            problems.add(source, ("questions", number), f"question {code}", "each code once", code)
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


def check_codes(entries: list[Placed], problems: Problems) -> None:
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


def check_rules(rules: Rules, problems: Problems) -> None:
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
        if tag.earlier and tag.cases is None:
            problems.add(
                each.source, (*each.place, "earlier"), each.what, "versions of a rule tag", "a fact tag"
            )
    for each in rules.segments:
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


def check_cycles(rules: Rules, problems: Problems) -> None:
    """A rule that leans on itself, by whatever way, has no verdict."""
    leaning = rules.leaning
    settled: set[tuple[str, str]] = set()
    while ready := {key for key, others in leaning.items() if key not in settled and others <= settled}:
        settled |= ready
    for key, each in rules.by_key.items():
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
