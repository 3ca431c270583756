"""One search: people of the lake, pairs that may be one person, and the arrival that holds them for review."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from common.lake import Arrival, Lake, LoadReport
from common.streams import STREAMS
from common.warehouse import connect
from ingestion.suggest.model import Fitted, fit, import_splink, score
from ingestion.suggest.people import read_people
from ingestion.suggest.rules import BLOCKING, Chosen, choose

SUGGESTIONS = STREAMS["identity/suggestions"]
AT_LEAST = 0.8
# Nobody reviews more; the surest come first.
MOST = 100_000


class NothingToCompareError(ValueError):
    """The lake has too few people, or they say too little."""


@dataclass(frozen=True)
class Found:
    """What a search found: pairs with the columns of the suggestions stream, surest first. No personal data."""

    pairs: pa.Table
    people: int
    rules: Chosen
    model: Fitted
    left_out: int  # pairs beyond the most that were asked for


@dataclass(frozen=True)
class Score:
    """How a search does against known pairs, counting every pair from ``at_least`` on as suggested."""

    at_least: float
    suggested: int
    right: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the suggested pairs that are true, 1 where none is suggested."""
        return self.right / self.suggested if self.suggested else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that are suggested."""
        return self.right / self.true


def search(lake: Lake, *, at_least: float = AT_LEAST, most: int = MOST) -> Found:
    """Compare the people of the lake and return the pairs with at least this probability of being one person.

    Pairs that share a key (unionid, openid, phone) are left out, they are joined by it; so are pairs with two
    different unionids, which no customer may have. The same lake gives the same pairs.

    Raises:
        MatchExtraError: splink is not installed.
        NothingToCompareError: fewer than two people, or no two that any rule brings together.
        ValueError: ``at_least`` is no probability.
    """
    if not 0 < at_least <= 1:
        raise ValueError(f"expected a probability above 0 and at most 1, got {at_least}")
    import_splink()
    lake.root.mkdir(parents=True, exist_ok=True)
    # What does not fit into memory is spilled: names and addresses must not leave the lake's folder for that.
    with tempfile.TemporaryDirectory(dir=lake.root, prefix="_suggest-") as spill, connect() as db:
        db.execute(f"set temp_directory = '{spill.replace(chr(39), chr(39) * 2)}'")
        people = read_people(db, lake)
        rules = choose(db, BLOCKING, people)
        if people < 2 or not rules.used:
            raise NothingToCompareError(
                f"expected people that may be compared, got {people:,} without two alike in anything; bring names, "
                "birthdays or addresses with `siyu ingest file --channel identity --stream people`"
            )
        model = fit(db, people, rules)
        score(db, model, at_least)
        pairs = _pairs(db, model, at_least)
    return Found(pairs[:most], people, rules, model, max(len(pairs) - most, 0))


def arrive(lake: Lake, found: Found) -> Arrival | None:
    """Write a search as an arrival of the suggestions stream; None when it found nothing.

    The same pairs found again are admitted once.
    """
    if not len(found.pairs):
        return None
    report = LoadReport(
        SUGGESTIONS.key,
        source=f"suggest:{found.model.library}",
        rows=len(found.pairs),
        fingerprint=_fingerprint(found.pairs),
        details={
            "people": found.people,
            "rules": {rule.name: count for rule, count in found.rules.used.items()},
            "rules_left_out": {rule.name: count for rule, count in found.rules.left_out.items()},
            "learned_from": list(found.model.learned_from),
            "model": found.model.settings,
        },
    )
    return lake.arrive_table(SUGGESTIONS, found.pairs, report)


def scores(found: Found, truth: Path, thresholds: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99)) -> list[Score]:
    """Hold a search against a CSV of true pairs, whose first two columns are buyer ids or identifier keys.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file has no pairs.
    """
    if not truth.is_file():
        raise FileNotFoundError(f"{truth}: expected a CSV file of true pairs, found none; check the path")
    with connect() as db:
        db.register("pairs", found.pairs)
        said = db.read_csv(str(truth), all_varchar=True, header=True)
        if len(said.columns) < 2:
            raise ValueError(f"{truth}: expected two columns of ids under a header, got {said.columns}")
        said.create_view("truth")
        first, second = (f'"{name}"' for name in said.columns[:2])
        query = _SCORE.format(first=first, second=second)
        rows = [db.execute(query, [each]).fetchone() or (0, 0, 0) for each in thresholds]
    if not rows[0][2]:
        raise ValueError(f"{truth}: expected true pairs under the header, got none")
    return [Score(each, *row) for each, row in zip(thresholds, rows, strict=True)]


def _pairs(db: duckdb.DuckDBPyConnection, model: Fitted, at_least: float) -> pa.Table:
    """The scored pairs as the stream's columns. Rounded, because threads add up in any order."""
    fields = model.comparisons
    lists = {
        "agreed_fields": [(f"gamma_{each.field} = {len(each.levels)}", each.field) for each in fields],
        "similar_fields": [
            (f"gamma_{each.field} between 1 and {len(each.levels) - 1}", each.field) for each in fields
        ],
        "differing_fields": [(f"gamma_{each.field} = 0", each.field) for each in fields],
    }
    columns = ", ".join(
        "to_json(list_filter(["
        + ", ".join(f"case when {condition} then '{field}' end" for condition, field in each)
        + f"], lambda field: field is not null))::varchar as {name}"
        for name, each in lists.items()
    )
    query = _PAIRS.format(lists=columns)
    return db.execute(
        query, {"source": f"{model.library} {model.digest}", "at_least": at_least}
    ).to_arrow_table()


def _fingerprint(pairs: pa.Table) -> str:
    digest = hashlib.sha256()
    for row in pairs.select(["pair_id", "match_weight", "agreed_fields", "source"]).to_pylist():
        digest.update(repr(tuple(row.values())).encode())
    return digest.hexdigest()


def pair_id_of(left_key: str, right_key: str) -> str:
    """Return the short id of a pair of identifiers, the same in both orders."""
    text = "|".join(sorted((left_key, right_key)))
    return "p" + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]


_PAIRS: Any = """
with ordered as (
    select
        least(person_key_l, person_key_r) as left_key,
        greatest(person_key_l, person_key_r) as right_key,
        round(match_probability, 6) as match_probability,
        round(match_weight, 3) as match_weight,
        {lists}
    from scored
)
select
    'p' || substr(md5(left_key || '|' || right_key), 1, 12) as pair_id,
    ordered.*,
    $source as source
from ordered
inner join people as lefts on lefts.person_key = ordered.left_key
inner join people as rights on rights.person_key = ordered.right_key
where match_probability >= $at_least
    and (lefts.unionid is null or rights.unionid is null)
    and coalesce(lefts.openid <> rights.openid, true)
    and coalesce(lefts.phone_hmac <> rights.phone_hmac, true)
order by match_weight desc, pair_id
"""
_SCORE = """
with true_pairs as (
    select distinct least(a, b) as a, greatest(a, b) as b
    from (select {first} as a, {second} as b from truth)
    where a is not null and b is not null and a <> b
),
named as (
    select
        match_probability,
        regexp_replace(left_key, '^buyer_id:[^:]*:', '') as left_id,
        regexp_replace(right_key, '^buyer_id:[^:]*:', '') as right_id,
        left_key,
        right_key
    from pairs
    where match_probability >= $1
)
select
    (select count(*) from named),
    (
        select count(*) from named inner join true_pairs
        on (a = least(left_id, right_id) and b = greatest(left_id, right_id)) or (a = left_key and b = right_key)
    ),
    (select count(*) from true_pairs)
"""
