"""Why a customer carries a tag or is in a segment on a day, or does not: conditions, values, and the rows behind them.

Read from the published copy alone. The witness is a smallest set of her rows without which the verdict would be
another: found by judging her without them, with the SQL of the run itself.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import duckdb

from common.settings import Settings
from common.warehouse import connect
from orchestration.publish import read_manifest
from orchestration.rules.steps import in_words
from orchestration.verdict_chain import VerdictChain, read_chain
from orchestration.why_identity import UnknownCustomerError
from orchestration.why_replay import Fact, Removed, Replay, attach, current_copy, dependents
from orchestration.why_witness import coarse_sets, orderings_of, smallest_witness

# Rows that are taken away one by one to see what each of them adds; the newest ones.
MOST_ROWS = 200
_CUSTOMER_ID = re.compile(r"c[0-9a-f]{20}")
Row = dict[str, Any]
_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "in": lambda value, wanted: value in wanted, "not_in": lambda value, wanted: value not in wanted,
    "between": lambda value, ends: ends[0] <= value <= ends[1],
}  # fmt: skip


class UnknownRuleError(ValueError):
    """No tag or segment of that code."""


@dataclass(frozen=True)
class Evidence:
    """A row of hers and what it adds to a feature: the value with it less the value without it."""

    fact: Fact
    adds: float | None  # None where the value is no number, or there is none without the row


@dataclass
class Node:
    """One condition of the rule. ``value`` is what it asks about as it was, None for what holds others."""

    text_zh: str
    holds: bool
    value: Any = None
    column: str | None = None
    evidence: list[Evidence] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)

    def leaves(self) -> Iterator[Node]:
        """Yield the conditions that hold no others."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Explanation:
    """A verdict on the evening of ``as_of``. ``verdict`` is the value of a tag (None: not carried), or in or not in.

    ``witness`` is None where no rows of hers can be taken away to change the verdict: what it needs is missing.
    """

    customer_id: str
    kind: str  # tag or segment
    code: str
    name_zh: str
    rule_version: int
    as_of: dt.date
    verdict: str | bool | None
    tree: list[tuple[str, Node]]  # (value of the case, or kind of the step; its condition)
    witness: list[Fact] | None
    without_witness: str | bool | None
    row_count: int
    identifiers: list[str]


@dataclass(frozen=True)
class Carried:
    """Tags as (code, Chinese name, value, since), segments as (code, Chinese name, since, held out).

    ``staff_tags`` are (group, name, userid, since): what staff put on her in WeCom.
    """

    customer_id: str
    as_of: dt.date
    identifiers: list[str]
    tags: list[tuple[str, str, str, dt.date]]
    segments: list[tuple[str, str, dt.date, bool]]
    staff_tags: list[tuple[str | None, str, str, dt.date]]


def explain_rule(
    settings: Settings, customer: str, *, kind: str, code: str, as_of: dt.date | None = None
) -> Explanation:
    """Explain one verdict. ``as_of`` is a business day, by default that of the published copy.

    Raises:
        UnknownCustomerError: nobody goes by that name.
        UnknownRuleError: there is no such tag or segment.
        ValueError: ``as_of`` lies after the published copy.
        FileNotFoundError: nothing is published.
    """
    folder = current_copy(settings)
    manifest = read_manifest(folder)
    assert manifest is not None
    last = dt.date.fromisoformat(manifest.as_of)
    if as_of is not None and as_of > last:
        raise ValueError(f"expected a day up to {last}, the day of the published copy, got {as_of}")
    chain = read_chain(folder)
    rule = _rule(chain, kind, code)
    with connect() as db:
        db.execute("set threads = 1")  # so few rows that a second thread costs more than it saves
        attach(db, folder)
        customer_id, identifiers = find_customer(db, customer.strip())
        replay = Replay(db, chain, customer_id, as_of or last)
        return _explained(replay, chain, rule, kind, customer_id, identifiers, as_of or last)


def carried(settings: Settings, customer: str) -> Carried:
    """Return the tags and segments of a customer in the published copy.

    Raises:
        UnknownCustomerError: nobody goes by that name.
        FileNotFoundError: nothing is published.
    """
    folder = current_copy(settings)
    manifest = read_manifest(folder)
    assert manifest is not None
    with connect() as db:
        attach(db, folder)
        customer_id, identifiers = find_customer(db, customer.strip())
        tags = db.execute(
            "select carried.tag_code, catalog.name_zh, carried.tag_value, carried.valid_from "
            "from copy.customer_tags as carried inner join copy.tag_catalog as catalog using (tag_code) "
            "where carried.customer_id = ? and catalog.family <> 'staff' order by carried.tag_code",
            [customer_id],
        ).fetchall()
        segments = db.execute(
            "select members.segment_code, segments.name_zh, members.entered_date, members.is_holdout "
            "from copy.segment_members as members inner join copy.segments as segments using (segment_code) "
            "where members.customer_id = ? order by members.segment_code",
            [customer_id],
        ).fetchall()
        staff_tags = db.execute(
            "select tag_group_name, tag_name, userid, put_date from copy.staff_tags "
            "where customer_id = ? and taken_date is null order by all",
            [customer_id],
        ).fetchall()
    return Carried(
        customer_id, dt.date.fromisoformat(manifest.as_of), identifiers, tags, segments, staff_tags
    )


def _explained(
    replay: Replay, chain: VerdictChain, rule: Row, kind: str, customer_id: str, identifiers: list[str],
    as_of: dt.date,
) -> Explanation:  # fmt: skip
    facts = replay.facts
    singles = [dependents(facts, [fact]) for fact in facts[:MOST_ROWS]]
    orderings = orderings_of(facts)
    sets = coarse_sets(facts, orderings)
    base, *rest = replay.judge([frozenset(), *singles, *sets])
    without, judged = rest[: len(singles)], rest[len(singles) :]
    verdict = _verdict(base, kind, rule["code"])

    def verdicts(removals: list[Removed]) -> list[Any]:
        return [_verdict(row, kind, rule["code"]) for row in replay.judge(removals)]

    held = _in_force(rule, as_of)
    tree = _tree(base or {}, chain, held, kind)
    for _, node in tree:
        for leaf in node.leaves():
            if leaf.column is not None and base is not None:
                leaf.evidence = _evidence(leaf.column, base, facts, without)
    known = {removed: _verdict(row, kind, rule["code"]) for removed, row in zip(sets, judged, strict=True)}
    witness, other = smallest_witness(facts, orderings, known, verdict, verdicts)
    return Explanation(
        customer_id, kind, rule["code"], rule["name_zh"], held["version"], as_of, verdict, tree,
        sorted(witness, key=lambda fact: (fact.day, fact.key), reverse=True) if witness is not None else None,
        other, len(facts), identifiers,
    )  # fmt: skip


def _in_force(rule: Row, as_of: dt.date) -> Row:
    """Return the version of a rule that holds on a business day: the newest one that had begun by then."""
    versions = [rule, *rule.get("earlier", [])]
    begun = (
        each for each in versions if dt.date.fromisoformat(each.get("effective_from", "1970-01-01")) <= as_of
    )
    return next(begun, versions[-1])


def _verdict(row: Row | None, kind: str, code: str) -> Any:
    if row is None:
        return None if kind == "tag" else False
    return row[f"tag_{code}"] if kind == "tag" else row[f"failed_{code}"] == 0


def _tree(row: Row, chain: VerdictChain, rule: Row, kind: str) -> list[tuple[str, Node]]:
    names = _names(chain)
    if kind == "segment":
        return [(step["kind"], _node(step["when"], row, names, chain)) for step in rule["steps"]]
    if rule.get("feature"):
        value = row.get(rule["feature"])
        return [("", Node(names("feature", rule["feature"]), value is not None, value, rule["feature"]))]
    return [(case["value"], _node(case["when"], row, names, chain)) for case in rule["cases"]]


def _node(condition: Row, row: Row, names: Callable[[str, str], str], chain: VerdictChain) -> Node:
    text = in_words(condition, names)
    for joiner, holds in (("all", all), ("any", any)):
        if joiner in condition:
            parts = [_node(part, row, names, chain) for part in condition[joiner]]
            return Node(text, holds(part.holds for part in parts), parts=parts)
    if "not" in condition:
        part = _node(condition["not"], row, names, chain)
        return Node(text, not part.holds, parts=[part])
    if "segment" in condition:
        inside = row.get(f"failed_{condition['segment']}") == 0
        return Node(text, inside, inside, f"failed_{condition['segment']}")
    if "has_tag" in condition:
        column = f"tag_{condition['has_tag']}"
        wanted = condition.get("in") or ([condition["value"]] if "value" in condition else None)
        value = row.get(column)
        return Node(text, value is not None and (wanted is None or value in wanted), value, column)
    column = _column(condition, chain)
    value = row.get(column)
    return Node(text, value is not None and _OPS[condition["op"]](value, condition["value"]), value, column)


def _column(condition: Row, chain: VerdictChain) -> str:
    if "window" not in condition:
        return str(condition["feature"])
    return chain.windowed[f"{condition['feature']} {condition['window']}"]


def _evidence(column: str, base: Row, facts: list[Fact], without: list[Row | None]) -> list[Evidence]:
    found = []
    for fact, row in zip(facts, without, strict=False):
        before, after = base.get(column), row.get(column) if row else None
        if before != after:
            found.append(Evidence(fact, before - after if _is_number(before) and _is_number(after) else None))
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(chain: VerdictChain) -> Callable[[str, str], str]:
    known = {("feature", column): name for column, name in chain.names.items()}
    known |= {("tag", each["code"]): each["name_zh"] for each in chain.tags}
    known |= {("segment", each["code"]): each["name_zh"] for each in chain.segments}
    return lambda kind, code: known.get((kind, code), code)


def _rule(chain: VerdictChain, kind: str, code: str) -> Row:
    rules = {each["code"]: each for each in (chain.tags if kind == "tag" else chain.segments)}
    if code not in rules:
        raise UnknownRuleError(f"expected one of the {kind}s {', '.join(sorted(rules))}, got {code!r}")
    return rules[code]


def find_customer(db: duckdb.DuckDBPyConnection, asked: str) -> tuple[str, list[str]]:
    """Return her id and her identifiers, from whatever name she goes by."""
    if _CUSTOMER_ID.fullmatch(asked):
        sql = "select customer_id from copy.customers where customer_id = ?"
    elif asked.isdecimal() and len(asked) <= 18:
        sql = "select customer_id from copy.customers where customer_no = ?::bigint"
    elif ":" in asked:
        sql = "select customer_id from copy.customer_identities where identifier_key = ?"
    else:
        raise UnknownCustomerError(
            f"expected a customer_id (c and 20 hex digits), a customer_no or an identifier as type:value, got {asked!r}"
        )
    row = db.execute(f"{sql} limit 1", [asked]).fetchone()
    if row is None:
        raise UnknownCustomerError(
            f"nobody goes by {asked!r} in the published copy; `siyu why identity` knows former names"
        )
    keys = db.execute(
        "select identifier_key from copy.customer_identities where customer_id = ? order by identifier_key",
        [row[0]],
    ).fetchall()
    return row[0], [key for (key,) in keys]
