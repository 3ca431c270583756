"""Which pairs are looked at: blocking rules, each counted before it is used.

A rule names columns of the left and of the right person that must be equal. It may only bring so many pairs as the
search can afford: `birthday` alone is a fine rule for a thousand people and a billion pairs for ten million.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

# A rule may bring this many pairs, or so many per person, whichever is more.
MOST_PAIRS = 5_000_000
MOST_PAIRS_PER_PERSON = 10


@dataclass(frozen=True)
class Rule:
    """Left columns that equal right columns, in order."""

    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rule in words, like ``birthday + city`` or ``given_name = family_name``."""
        return " + ".join(a if a == b else f"{a} = {b}" for a, b in zip(self.left, self.right, strict=True))

    @property
    def sql(self) -> str:
        """The rule as a join condition over l and r."""
        return " and ".join(f"l.{a} = r.{b}" for a, b in zip(self.left, self.right, strict=True))

    def pairs(self, db: duckdb.DuckDBPyConnection) -> int:
        """Return how many pairs of table ``people`` it brings, without making them."""
        row = db.execute(
            _COUNT.format(
                left=", ".join(f"{column} as k{n}" for n, column in enumerate(self.left)),
                right=", ".join(f"{column} as k{n}" for n, column in enumerate(self.right)),
                left_known=_known(self.left),
                right_known=_known(self.right),
                keys=", ".join(f"k{n}" for n in range(len(self.left))),
                symmetric=str(self.left == self.right).lower(),
            )
        ).fetchone()
        return int(row[0]) if row else 0


def same(*columns: str) -> Rule:
    """Return the rule that these columns are equal on both sides."""
    return Rule(columns, columns)


# Each true pair should fall into several: any one field may be wrong, missing, or stand in the other's place.
BLOCKING = (
    same("birthday"),
    same("given_name", "family_name"),
    Rule(("given_name", "family_name"), ("family_name", "given_name")),
    same("full_name", "city"),
    same("full_name", "birth_year"),
    same("full_name", "birth_day"),
    same("family_name", "birthday"),
    same("given_name", "birthday"),
    same("city", "birthday"),
    same("postcode", "birthday"),
    same("family_name", "postcode"),
    same("given_name", "postcode"),
    same("family_name", "city"),
    same("given_name", "city"),
    Rule(("given_name", "postcode"), ("family_name", "postcode")),
    Rule(("given_name", "city"), ("family_name", "city")),
    same("address"),
    same("address_more"),
    same("address", "street_number"),
    same("address_more", "street_number"),
    same("address", "city"),
    same("address_more", "city"),
    Rule(("address", "city"), ("address_more", "city")),
    Rule(("address", "street_number"), ("address_more", "street_number")),
    same("postcode", "street_number"),
    same("city", "street_number"),
)
# Pairs that are surely one person: they say how common a match is. Together they find most, not all.
SURE = (
    same("given_name", "family_name", "birthday"),
    Rule(("given_name", "family_name", "birthday"), ("family_name", "given_name", "birthday")),
    same("given_name", "family_name", "address", "postcode"),
    same("birthday", "address", "postcode"),
    same("full_name", "phone_hmac"),
)
SURE_RECALL = 0.7
# What the weights are learned from: whatever a rule fixes is learned under the others. The first that fits counts.
TRAINING = (
    (same("birthday"), same("city", "birthday"), same("family_name", "birthday")),
    (same("given_name", "family_name"), same("full_name", "city"), same("full_name", "birth_year")),
    (same("address", "street_number"), same("address", "city")),
)


@dataclass(frozen=True)
class Chosen:
    """Rules with the pairs each brings; ``left_out`` would have brought too many."""

    used: dict[Rule, int]
    left_out: dict[Rule, int]


def choose(db: duckdb.DuckDBPyConnection, rules: Iterable[Rule], people: int) -> Chosen:
    """Count the rules over table ``people``; those without a pair are dropped."""
    most = max(MOST_PAIRS, MOST_PAIRS_PER_PERSON * people)
    counted = {rule: count for rule in rules if (count := rule.pairs(db))}
    return Chosen(
        {rule: count for rule, count in counted.items() if count <= most},
        {rule: count for rule, count in counted.items() if count > most},
    )


def sure_pairs(db: duckdb.DuckDBPyConnection) -> int:
    """Return how many pairs of table ``people`` are surely one person."""
    joined = " union ".join(_SURE.format(rule=rule.sql) for rule in SURE)
    row = db.execute(f"select count(*) from ({joined})").fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def _known(columns: tuple[str, ...]) -> str:
    return " and ".join(f"{column} is not null" for column in columns)


_COUNT = """
with lefts as (select {left}, count(*) as n from people where {left_known} group by all),
rights as (select {right}, count(*) as n from people where {right_known} group by all)
select coalesce(case when {symmetric} then sum(n * (n - 1) / 2) else sum(n * m) end, 0)::bigint
from lefts
inner join (select * exclude (n), n as m from rights) as rights using ({keys})
"""
_SURE = """
select least(l.person_key, r.person_key) as a, greatest(l.person_key, r.person_key) as b
from people as l
inner join people as r on {rule} and l.person_key <> r.person_key
"""
