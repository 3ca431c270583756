"""`siyu why CUSTOMER` on the terminal: the rule as a tree, with its values and the rows behind them."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from orchestration.why_identity import Explained
from orchestration.why_prediction import Prediction
from orchestration.why_replay import Fact
from orchestration.why_rule import Carried, Explanation, Node
from orchestration.why_view import short, source_name, without

_STEPS_ZH = {"condition": "条件", "excluded": "排除", "": "事实"}


def show_rule(explained: Explanation, console: Console, most: int) -> None:
    """Print the verdict, the tree and the witness; at most ``most`` rows each."""
    console.print(
        f"{explained.customer_id} on {explained.as_of}: {explained.kind} {explained.code} "
        f"({explained.name_zh}, rule version {explained.rule_version}) is {_told(explained.verdict)}",
        markup=False,
    )
    console.print(
        f"  identifiers (标识): {', '.join(short(key) for key in explained.identifiers)}", markup=False
    )
    console.print()
    for number, (label, node) in enumerate(explained.tree, start=1):
        name = _STEPS_ZH.get(label, f"→ {label}")
        console.print(f"{number}. {_mark(node)} {name}: {node.text_zh}", markup=False)
        for leaf in node.leaves():
            _leaf(leaf, console, most)
    _witness(explained, console, most)


def show_prediction(explained: Prediction, console: Console) -> None:
    """Print what is predicted, the version that says so, and her inputs."""
    names = f"prediction {explained.code} ({explained.name_zh})"
    said = "not scored (无)"
    if explained.score is not None:
        value = f"{explained.predicted_value}, " if explained.predicted_value else ""
        said = f"{value}score {explained.score:,.6g}, decile {explained.decile}"
    console.print(f"{explained.customer_id} on {explained.scored_date}: {names} is {said}", markup=False)
    console.print(f"  {explained.description_zh}", markup=False)
    if explained.model_version is None:
        console.print(
            f"  no version of {explained.model_code} is in force (siyu predict models)", markup=False
        )
        return
    console.print(
        f"  model version (模型版本): {explained.model_version} of {explained.model_code}, "
        f"trained on what was known on {explained.trained_as_of}; {explained.reason}",
        markup=False,
    )
    if not explained.inputs:
        console.print("  inputs (输入): none, she has no valid order by that day", markup=False)
        return
    console.print("\nInputs (输入), from her published rows up to that day", markup=False)
    for name, value in explained.inputs.items():
        console.print(f"  {name}: {value}", markup=False)


def show_identity(explained: Explained, console: Console) -> None:
    """Print in short what holds her together: the edges from the weakest on, and where to read more."""
    console.print(
        f"\nIdentity (身份): {len(explained.identifiers):,} identifiers, {explained.edge_count:,} edges, "
        f"{explained.bridge_count:,} of them the only hold",
        markup=False,
    )
    for edge in explained.edges:
        console.print(
            f"  weakest: {short(edge.hub_key)} and {short(edge.identifier_key)}, {edge.record_count:,} records of "
            f"{', '.join(source_name(each) for each in edge.sources)}; without it {without(edge)}",
            markup=False,
        )
    console.print(f"  all of them: siyu why identity {explained.customer_id}", markup=False)


def show_carried(carried: Carried, console: Console) -> None:
    """Print her tags and segments, and how to ask for the reason of one."""
    console.print(f"{carried.customer_id} on {carried.as_of}", markup=False)
    console.print(
        f"  identifiers (标识): {', '.join(short(key) for key in carried.identifiers)}", markup=False
    )
    for code, name, value, since in carried.tags:
        console.print(f"  tag {code} ({name}): {value}, since {since}", markup=False)
    for group, name, userid, since in carried.staff_tags:
        console.print(f"  staff tag {group or '-'}/{name}, by {userid}, since {since}", markup=False)
    for code, name, entered, is_holdout in carried.segments:
        held = ", held out (对照组)" if is_holdout else ""
        console.print(f"  segment {code} ({name}), since {entered}{held}", markup=False)
    console.print(f"\nWhy: siyu why {carried.customer_id} --tag CODE, or --segment CODE", markup=False)


def as_rows(explained: Explanation, identity: Explained | None = None) -> list[dict[str, Any]]:
    """Return the evidence as rows: one per condition and fact behind it, and one per condition without facts.

    Then those of the witness that stand behind no single condition, and the edges of ``identity``.
    """
    witness = set(explained.witness or [])
    common = {
        "customer_id": explained.customer_id, "rule_kind": explained.kind, "rule_code": explained.code,
        "rule_version": explained.rule_version, "as_of": explained.as_of.isoformat(), "verdict": explained.verdict,
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    cited: set[Fact] = set()
    for number, (label, node) in enumerate(explained.tree, start=1):
        for leaf in node.leaves():
            about = {**common, "step_no": number, "step": label, "condition": leaf.text_zh, "holds": leaf.holds,
                     "value": leaf.value}  # fmt: skip
            rows += [{**about, **_fact(each.fact, witness), "adds": each.adds} for each in leaf.evidence] or [
                about
            ]
            cited |= {each.fact for each in leaf.evidence}
    rows += [{**common, **_fact(fact, witness)} for fact in explained.witness or [] if fact not in cited]
    return rows + [
        {
            **common, "identity_edge": [edge.hub_key, edge.identifier_key], "sources": list(edge.sources),
            "record_count": edge.record_count, "apart_count": edge.apart_count,
        }
        for edge in (identity.edges if identity else [])
    ]  # fmt: skip


def print_json(explained: Explanation, console: Console, identity: Explained | None = None) -> None:
    """Print the evidence rows, one JSON object a line."""
    for row in as_rows(explained, identity):
        console.print(json.dumps(row, ensure_ascii=False, default=str), markup=False)


def _fact(fact: Fact, witness: set[Fact]) -> dict[str, Any]:
    return {
        "fact_table": fact.table, "fact_key": fact.key, "fact_date": fact.day.isoformat(), "is_witness": fact in witness
    }  # fmt: skip


def _leaf(leaf: Node, console: Console, most: int) -> None:
    value = "unknown (无)" if leaf.value is None else leaf.value
    console.print(f"     {_mark(leaf)} {leaf.text_zh}; it is {value}", markup=False)
    for each in leaf.evidence[:most]:
        adds = f", adds {each.adds:+,}" if each.adds is not None else ""
        console.print(f"         {each.fact.day} {each.fact.table} {each.fact.key}{adds}", markup=False)
    if len(leaf.evidence) > most:
        console.print(f"         and {len(leaf.evidence) - most:,} more", markup=False)


def _witness(explained: Explanation, console: Console, most: int) -> None:
    if explained.witness is None:
        console.print(
            f"\nNone of her {explained.row_count:,} rows stands behind it (无见证): without any of them the verdict "
            "is the same; what is missing shows in the conditions above.",
            markup=False,
        )
        return
    console.print(
        f"\nMinimal witness (最小见证): without these {len(explained.witness):,} of {explained.row_count:,} rows it "
        f"would be {_told(explained.without_witness)}",
        markup=False,
    )
    for fact in explained.witness[:most]:
        console.print(f"  {fact.day} {fact.table} {fact.key}", markup=False)
    if len(explained.witness) > most:
        console.print(f"  and {len(explained.witness) - most:,} more", markup=False)


def _mark(node: Node) -> str:
    return "✓" if node.holds else "✗"


def _told(verdict: str | bool | None) -> str:
    return {True: "in (在)", False: "not in (不在)", None: "not carried (无)"}.get(verdict, str(verdict))  # type: ignore[arg-type]
