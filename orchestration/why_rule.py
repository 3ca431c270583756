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
from pathlib import Path
from typing import Any, TypeGuard

from common.settings import Settings
from common.warehouse import connect
from orchestration.publish import DATABASE, read_manifest
from orchestration.rules.steps import in_words
from orchestration.verdict_chain import VerdictChain, read_chain
from orchestration.why_identity import UnknownCustomerError
from orchestration.why_replay import Fact, Removed, Replay, dependents

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
    folder = (settings.published_dir / "current").resolve()
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"nothing is published in {settings.published_dir}; run `siyu run` first")
    last = dt.date.fromisoformat(manifest.as_of)
    if as_of is not None and as_of > last:
        raise ValueError(f"expected a day up to {last}, the day of the published copy, got {as_of}")
    chain = read_chain(folder)
    rule = _rule(chain, kind, code)
    customer_id, identifiers = _customer(folder, customer.strip())
    replay = Replay(folder, chain, customer_id, as_of or last)
    try:
        return _explained(replay, chain, rule, kind, customer_id, identifiers, as_of or last)
    finally:
        replay.close()


def _explained(
    replay: Replay, chain: VerdictChain, rule: Row, kind: str, customer_id: str, identifiers: list[str],
    as_of: dt.date,
) -> Explanation:  # fmt: skip
    facts = replay.facts
    singles = [dependents(facts, [fact]) for fact in facts[:MOST_ROWS]]
    sets = _candidates(facts)
    base, *rest = replay.judge([frozenset(), *singles, *sets])
    without, judged = rest[: len(singles)], rest[len(singles) :]
    verdict = _verdict(base, kind, rule["code"])
    tree = _tree(base or {}, chain, rule, kind)
    for _, node in tree:
        for leaf in node.leaves():
            if leaf.column is not None and base is not None:
                leaf.evidence = _evidence(leaf.column, base, facts, without)
    flips = [
        (removed, other)
        for removed, row in zip([*singles, *sets], [*without, *judged], strict=True)
        if (other := _verdict(row, kind, rule["code"])) != verdict
    ]
    witness, other = _smallest(replay, flips, verdict, kind, rule["code"]) if flips else (None, verdict)
    return Explanation(
        customer_id, kind, rule["code"], rule["name_zh"], rule["version"], as_of, verdict, tree,
        sorted(witness, key=lambda fact: (fact.day, fact.key), reverse=True) if witness is not None else None,
        other, len(facts), identifiers,
    )  # fmt: skip


def _candidates(facts: list[Fact]) -> list[Removed]:
    """Sets of rows to judge her without: of each table, and of all, the newest, the oldest, the largest n."""
    found: dict[Removed, None] = {}
    groups = [
        [fact for fact in facts if fact.table == table]
        for table in dict.fromkeys(each.table for each in facts)
    ]
    for group in (*groups, facts):
        orders = (group, group[::-1], sorted(group, key=lambda fact: -fact.amount_fen))
        for rows in orders:
            for size in _sizes(len(rows)):
                found[dependents(facts, rows[:size])] = None
    return list(found)


def _sizes(count: int) -> list[int]:
    """Up to 40 every size, beyond that ever coarser: what is too much is given back one by one."""
    sizes, size = [], 1
    while size < count:
        sizes.append(size)
        size += max(1, size // 40)
    return [*sizes, count] if count else []


def _smallest(
    replay: Replay, flips: list[tuple[Removed, Any]], verdict: Any, kind: str, code: str
) -> tuple[Removed, Any]:
    """Return the smallest set that changes the verdict, after giving back whatever it does not need."""
    best, other = min(flips, key=lambda each: (len(each[0]), sorted(fact.key for fact in each[0])))
    while len(best) > 1:
        # An order goes with all that speaks of it, so giving back means the rows that nothing pulls along.
        fewer = [
            smaller
            for fact in sorted(best, key=lambda fact: fact.key)
            if (smaller := dependents(best, best - _with_order(best, fact))) < best
        ]
        judged = [_verdict(row, kind, code) for row in replay.judge(fewer)] if fewer else []
        still = [
            (smaller, found)
            for smaller, found in zip(fewer, judged, strict=True)
            if found != verdict and smaller
        ]
        if not still:
            break
        best, other = min(still, key=lambda each: len(each[0]))
    return best, other


def _with_order(facts: Removed, fact: Fact) -> Removed:
    """Giving back a refund gives back its order too, if that is gone as well."""
    return frozenset(
        each
        for each in facts
        if each == fact or (fact.order_key is not None and each.order_key == fact.order_key)
    )


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


def _customer(folder: Path, asked: str) -> tuple[str, list[str]]:
    """Return her id and her identifiers, from whatever name she goes by."""
    with connect(folder / DATABASE, read_only=True) as db:
        if _CUSTOMER_ID.fullmatch(asked):
            sql = "select customer_id from customers where customer_id = ?"
        elif asked.isdecimal() and len(asked) <= 18:
            sql = "select customer_id from customers where customer_no = ?::bigint"
        elif ":" in asked:
            sql = "select customer_id from customer_identities where identifier_key = ?"
        else:
            raise UnknownCustomerError(
                "expected a customer_id (c and 20 hex digits), a customer_no or an identifier as type:value, "
                f"got {asked!r}"
            )
        row = db.execute(f"{sql} limit 1", [asked]).fetchone()
        if row is None:
            raise UnknownCustomerError(
                f"nobody goes by {asked!r} in the published copy; `siyu why identity` knows former names"
            )
        keys = db.execute(
            "select identifier_key from customer_identities where customer_id = ? order by identifier_key",
            [row[0]],
        ).fetchall()
    return row[0], [key for (key,) in keys]
