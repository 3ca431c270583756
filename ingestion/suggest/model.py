"""The model: how two people are compared, and what each finding weighs (Fellegi and Sunter, fitted with splink).

How often a field agrees by chance (u) is counted on a seeded sample of pairs; how often among true pairs (m) is
learned by expectation maximisation, and stands here as a default where there is too little to learn from. The same
people give the same weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion.suggest.rules import SURE_RECALL, TRAINING, Chosen, choose, sure_pairs

SEED = 20261121
SAMPLED_PAIRS = 2_000_000
# Fewer sure pairs teach nothing: then the defaults of the levels hold.
LEAST_SURE_PAIRS = 30
_SIMILAR = 0.88  # Jaro-Winkler
_SHARED_CHARACTERS = 0.75
_LEAST_M = 1e-4


class MatchExtraError(ValueError):
    """Splink is not installed."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement, best first; ``m`` is how many of the true pairs show it where nothing was learned."""

    sql: str
    m: float


@dataclass(frozen=True)
class Comparison:
    """One field: its levels (the last one, "differ", is left away), and when it says nothing."""

    field: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]
    frequency: str | None = None  # column whose rare values weigh more when they agree


def _equal(left: str, right: str) -> str:
    return f"{left}_l = {right}_r"


def _alike(left: str, right: str) -> str:
    """Jaro-Winkler looks at bytes, and Chinese characters share two of their three: those are compared as sets."""
    left, right = f"{left}_l", f"{right}_r"
    plain = f"strlen({left}) = length({left}) and strlen({right}) = length({right})"
    shared = f"len(list_intersect(string_split({left}, ''), string_split({right}, '')))"
    return (
        f"(case when {plain} then jaro_winkler_similarity({left}, {right}) >= {_SIMILAR} "
        f"else {shared} >= {_SHARED_CHARACTERS} * greatest(length({left}), length({right})) end)"
    )


def _either_way(test_a: Any, test_b: Any, a: str, b: str) -> str:
    """Both parts pass, each against its own or against the other's: parts are often swapped."""
    return f"(({test_a(a, a)} and {test_b(b, b)}) or ({test_a(a, b)} and {test_b(b, a)}))"


def _any_way(test: Any, a: str, b: str) -> str:
    return f"({test(a, a)} or {test(b, b)} or {test(a, b)} or {test(b, a)})"


def _typing_error(column: str, most: int) -> str:
    return f"damerau_levenshtein({column}_l, {column}_r) <= {most}"


_G, _F = "given_name", "family_name"
_A, _B = "address", "address_more"
COMPARISONS = (
    Comparison(
        "name",
        (_G, _F),
        (
            Level(_equal("full_name", "full_name"), 0.5),
            Level(f"({_either_way(_equal, _alike, _G, _F)} or {_either_way(_alike, _equal, _G, _F)})", 0.25),
            Level(_either_way(_alike, _alike, _G, _F), 0.04),
            Level(f"({_equal(_F, _F)} or {_equal(_F, _G)} or {_equal(_G, _F)})", 0.08),
            Level(_equal(_G, _G), 0.05),
            Level(_any_way(_alike, _G, _F), 0.05),
        ),
        frequency="full_name",
    ),
    Comparison(
        "birthday",
        ("birthday",),
        (
            Level(_equal("birthday", "birthday"), 0.92),
            Level(_typing_error("birthday", 1), 0.03),
            Level(_typing_error("birthday", 2), 0.01),
        ),
    ),
    Comparison(
        "address",
        (_A, _B),
        (
            Level(_either_way(_equal, _equal, _A, _B), 0.3),
            Level(_any_way(_equal, _A, _B), 0.45),
            Level(_any_way(_alike, _A, _B), 0.2),
        ),
    ),
    Comparison(
        "street_number",
        ("street_number",),
        (
            Level(_equal("street_number", "street_number"), 0.8),
            Level(_typing_error("street_number", 1), 0.08),
        ),
    ),
    Comparison(
        "postcode",
        ("postcode",),
        (
            Level(_equal("postcode", "postcode"), 0.8),
            Level(_typing_error("postcode", 1), 0.15),
            Level(_typing_error("postcode", 2), 0.02),
        ),
    ),
    Comparison(
        "city",
        ("city",),
        (Level(_equal("city", "city"), 0.75), Level(_alike("city", "city"), 0.15)),
        frequency="city",
    ),
    Comparison("province", ("province",), (Level(_equal("province", "province"), 0.93),)),
    Comparison("gender", ("gender",), (Level(_equal("gender", "gender"), 0.97),)),
    Comparison("phone", ("phone_hmac",), (Level(_equal("phone_hmac", "phone_hmac"), 0.5),)),
)


@dataclass(frozen=True)
class Fitted:
    """A fitted model: splink's settings (conditions and weights, no value of anybody), and how it was fitted."""

    settings: dict[str, Any]
    comparisons: tuple[Comparison, ...]
    library: str
    learned_from: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Twelve hex digits that change with any weight or condition."""
        text = json.dumps(self.settings, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def import_splink() -> Any:
    """Return the splink module.

    Raises:
        MatchExtraError: it is not installed.
    """
    try:
        import splink
    except ModuleNotFoundError as error:
        raise MatchExtraError(
            "suggestions need splink, which is optional; install it with `pip install 'siyu[match]'` and ask again"
        ) from error
    return splink


def fit(db: duckdb.DuckDBPyConnection, people: int, blocking: Chosen) -> Fitted:
    """Fit the model to table ``people`` of the session.

    Raises:
        MatchExtraError: splink is not installed.
    """
    splink = import_splink()
    comparisons = tuple(each for each in COMPARISONS if _can_agree(db, each))
    sure, possible = sure_pairs(db), people * (people - 1) / 2
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="person_key",
        comparisons=[_for_splink(each) for each in comparisons],
        blocking_rules_to_generate_predictions=[rule.sql for rule in blocking.used],
        probability_two_random_records_match=min(max(sure / SURE_RECALL, 1.0) / possible, 0.5),
        retain_matching_columns=True,  # brings the levels of agreement along
        max_iterations=50,
        linker_uid="siyu",
    )
    db.execute(
        "set threads = 1"
    )  # several add up in any order, and the weights would differ in the last digits
    linker = _linker(splink, db, settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
    learned = _learn(db, linker, people) if sure >= LEAST_SURE_PAIRS else ()
    fitted = linker.misc.save_model_to_json()
    db.execute("reset threads")
    _smooth(fitted, comparisons, min(possible, SAMPLED_PAIRS))
    return Fitted(fitted, comparisons, f"splink {splink.__version__}", learned)


def score(db: duckdb.DuckDBPyConnection, fitted: Fitted, least_probability: float) -> None:
    """Make table ``scored``: person_key_l, person_key_r, match_probability, match_weight, gamma_<field>.

    A gamma is -1 where the field says nothing, 0 where it differs, and the number of levels where it agrees.
    """
    linker = _linker(import_splink(), db, fitted.settings)
    found = linker.inference.predict(threshold_match_probability=least_probability, warning_mode="never")
    db.execute(f"create or replace temp table scored as from {found.physical_name}")


def _linker(splink: Any, db: duckdb.DuckDBPyConnection, settings: Any) -> Any:
    import logging

    api = splink.DuckDBAPI(db)
    return splink.Linker(api.register(db.table("people")), settings, log_level=logging.ERROR)


def _learn(db: duckdb.DuckDBPyConnection, linker: Any, people: int) -> tuple[str, ...]:
    learned = []
    for alternatives in TRAINING:
        fitting = choose(db, alternatives, people).used
        rule = next((each for each in alternatives if fitting.get(each, 0) >= LEAST_SURE_PAIRS), None)
        if rule is not None:
            linker.training.estimate_parameters_using_expectation_maximisation(rule.sql)
            learned.append(rule.name)
    return tuple(learned)


def _smooth(settings: dict[str, Any], comparisons: tuple[Comparison, ...], pairs: float) -> None:
    """Put half a pair where none was seen: what a small sample never showed is rare, not impossible."""
    least = 0.5 / pairs
    for comparison, declared in zip(settings["comparisons"], comparisons, strict=True):
        levels = [each for each in comparison["comparison_levels"] if not each.get("is_null_level")]
        defaults = [*(level.m for level in declared.levels), _rest(declared)]
        for level, default in zip(levels, defaults, strict=True):
            level["u_probability"] = _six_digits(max(_number(level.get("u_probability"), least), least))
            level["m_probability"] = _six_digits(max(_number(level.get("m_probability"), default), _LEAST_M))


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def _rest(comparison: Comparison) -> float:
    return max(1.0 - sum(level.m for level in comparison.levels), 0.005)


def _can_agree(db: duckdb.DuckDBPyConnection, comparison: Comparison) -> bool:
    """Whether at least two people say something about it, and not all the same."""
    known = f"coalesce({', '.join(comparison.columns)})"
    row = db.execute(f"select count(distinct {known}) from people where {known} is not null").fetchone()  # noqa: S608
    return bool(row and row[0] > 1)


def _for_splink(comparison: Comparison) -> Any:
    import splink.comparison_level_library as levels
    import splink.comparison_library as library

    columns = comparison.columns
    unknown = " or ".join(
        f"coalesce({', '.join(f'{column}_{side}' for column in columns)}) is null" for side in "lr"
    )
    best, *others = comparison.levels
    first = levels.CustomLevel(best.sql, "agrees").configure(m_probability=best.m)
    if comparison.frequency:
        first = first.configure(tf_adjustment_column=comparison.frequency)
    return library.CustomComparison(
        output_column_name=comparison.field,
        comparison_levels=[
            levels.CustomLevel(unknown, "unknown").configure(is_null_level=True),
            first,
            *(
                levels.CustomLevel(each.sql, f"similar {number}").configure(m_probability=each.m)
                for number, each in enumerate(others, start=1)
            ),
            levels.ElseLevel().configure(m_probability=_rest(comparison)),
        ],
    )
