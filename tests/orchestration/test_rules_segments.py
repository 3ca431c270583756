"""Segments in the rule files: set operations, exclusions, priorities, contracts beside each other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from common.settings import DBT_PROJECT_DIR
from orchestration.rules.compiled import compile_rules, generated_path, rules_as_data
from orchestration.rules.conditions import plain
from orchestration.rules.load import load_rules
from orchestration.rules.segment_models import FOLDER, segment_models
from orchestration.rules.source import RuleError
from orchestration.rules.steps import in_words, steps_of

BOUGHT = '{feature: order_count, op: ">=", value: 1}'


def entry(code: str, when: str = BOUGHT, more: str = "") -> str:
    lines = [
        f"- code: {code}", "  name_zh: 名", "  description_zh: 定义。", "  owner: data", "  purpose: 测试",
        "  version: 1", "  destinations: [file_export]", "  tag_name: 名", "  holdout_ratio: 0.1", f"  when: {when}",
        *(f"  {line}" for line in more.splitlines()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "dbt_project"
    (folder / "rules" / "tags").mkdir(parents=True)
    shutil.copy(DBT_PROJECT_DIR / "rules" / "features.yml", folder / "rules")
    return folder


def put(project: Path, *entries: str, exclusions: str = "") -> Path:
    (project / "rules" / "segments.yml").write_text("".join(entries), encoding="utf-8")
    (project / "rules" / "exclusions.yml").write_text(exclusions, encoding="utf-8")
    return project


def problems(project: Path) -> list[str]:
    with pytest.raises(RuleError) as caught:
        load_rules(project)
    return caught.value.problems


def test_set_operations__become_logic() -> None:
    condition = {"except": ["a", {"union": ["b", "c"]}, {"intersect": ["d", "e"]}]}
    assert plain(condition) == {
        "all": [
            {"segment": "a"},
            {"not": {"any": [{"segment": "b"}, {"segment": "c"}]}},
            {"not": {"all": [{"segment": "d"}, {"segment": "e"}]}},
        ]
    }


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{union: [a]}", "a list of at least two segments, got ['a']"),
        ("{intersect: a}", "a list of at least two segments, got 'a'"),
        ("{except: [a, nobody]}", "one of the segments a, b, or a set operation, got 'nobody'"),
        (
            "{union: [a, {feature: order_count, op: '=', value: 0}]}",
            "or a set operation, got {'feature': 'order_count'",
        ),
        ("{union: [a, {intersect: [a]}]}", "a list of at least two segments, got ['a']"),
        ("{union: [a, b]}", "expected rules that do not lean on themselves, got 'segment a, segment b'"),
    ],
)
def test_wrong_set_operation__is_named_with_its_line(project: Path, when: str, said: str) -> None:
    (problem,) = problems(put(project, entry("a"), entry("b", when)))
    assert said in problem
    assert problem.startswith(
        ("dbt_project/rules/segments.yml:20: segment b:", "dbt_project/rules/segments.yml:11:")
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("variants: [{code: a, share: 0.5}, {code: b, share: 0.4}]", "shares that add up to 1"),
        ("variants: [{code: a, share: 0.5}, {code: a, share: 0.5}]", "each variant once"),
        ("caps: {touches: 3}", "touches and days together"),
        ("caps: {members: 0}", "greater than or equal to 1"),
        ("priority: high", "priority to be a whole number"),
        ("contract_version: 2", "contract_version 1 for the code mine"),
        ("exclude: [{segment: nobody}]", "one of the segments mine, got 'nobody'"),
        ("exclude: [{segment: mine}]", "rules that do not lean on themselves"),
    ],
)
def test_wrong_field__is_said(project: Path, more: str, said: str) -> None:
    (problem,) = problems(put(project, entry("mine", more=more)))
    assert problem.startswith("dbt_project/rules/segments.yml:")
    assert said in problem


def test_priority__is_unique_in_a_treatment_group(project: Path) -> None:
    group = "treatment_group: g\npriority: 5"
    (problem,) = problems(
        put(project, entry("a", more=group), entry("b", more=group), entry("c", more="priority: 5"))
    )
    assert problem == (
        "dbt_project/rules/segments.yml:24: segment b: expected each priority once in the treatment group g "
        "(segment a has it), got 5"
    )


def test_breaking_change__stands_beside_the_old_contract(project: Path) -> None:
    """v2 needs v1 beside it; both are models of their own."""
    new = entry("mine_v2", more="contract_version: 2")
    (problem,) = problems(put(project, new))
    assert (
        "expected the segment mine beside it, for those who still read that contract, got nothing" in problem
    )
    put(project, entry("mine"), new)
    files = {path.name: text for path, text in segment_models(project, load_rules(project)).items()}
    assert set(files) == {"seg_mine.sql", "seg_mine.yml", "seg_mine_v2.sql", "seg_mine_v2.yml"}
    assert "contract_version: 1" in files["seg_mine.yml"]
    assert "contract_version: 2" in files["seg_mine_v2.yml"]
    assert "segment_model('mine_v2')" in files["seg_mine_v2.sql"]


def test_version_from_a_day_on__has_its_own_steps(project: Path) -> None:
    """Both versions pass the global exclusions; a day without an earlier version, or a wrong step of it, is said."""
    day = "effective_from: 2026-12-01"
    asked = "{feature: order_count, op: '>=', value: 9}"
    earlier = f"\nearlier:\n  - {{version: 0, when: {BOUGHT}, exclude: [{asked}]}}"
    outside = "- {code: out, name_zh: 出, description_zh: 定义。, when: {feature: refund_count, op: '>=', value: 9}}\n"
    put(project, entry("a", more=day), exclusions=outside)
    assert any("expected `earlier` versions beside effective_from" in each for each in problems(project))
    put(project, entry("a", more=day + earlier), exclusions=outside)
    assert any("version to be" in each for each in problems(project))
    wrong = (day + earlier).replace("version: 0", "version: 1").replace("order_count", "no_count")
    put(project, entry("a", more=wrong).replace("version: 1", "version: 2", 1), exclusions=outside)
    assert len(problems(project)) >= 1
    right = entry("a", more=(day + earlier).replace("version: 0", "version: 1"))
    put(project, right.replace("version: 1", "version: 2", 1), exclusions=outside)
    (segment,) = rules_as_data(load_rules(project))["segments"]
    assert [step["kind"] for step in segment["steps"]] == ["condition", "excluded"]
    assert [step["kind"] for step in segment["earlier"][0]["steps"]] == ["condition", "excluded", "excluded"]
    assert len(segment["earlier"][0]["step_texts"]) == 3


def test_global_exclusion__spares_whom_it_asks_about(project: Path) -> None:
    exclusions = "- {code: hunters, name_zh: 名, description_zh: 定义, when: {segment: hunter}}\n"
    put(project, entry("hunter", "{segment: base}"), entry("base"), entry("other", more=f"exclude: [{BOUGHT}]"),
        exclusions=exclusions)  # fmt: skip
    rules = load_rules(project)
    assert rules.exempt == {"hunter", "base"}
    steps = {
        each.entry.code: steps_of(each.entry, [one.entry for one in rules.exclusions], rules.exempt)
        for each in rules.segments
    }
    assert [step.kind for step in steps["hunter"]] == ["condition"]
    assert [(step.kind, step.exclusion) for step in steps["other"]] == [
        ("condition", None), ("excluded", None), ("excluded", "hunters"),
    ]  # fmt: skip
    assert steps["other"][2].when == {"not": {"segment": "hunter"}}


def test_compile__writes_one_model_per_segment_and_removes_those_gone(project: Path) -> None:
    put(project, entry("a"), entry("b"))
    assert compile_rules(project)
    assert not compile_rules(project)
    folder = project / FOLDER
    assert {path.name for path in folder.iterdir()} == {"seg_a.sql", "seg_a.yml", "seg_b.sql", "seg_b.yml"}
    put(project, entry("b"))
    assert compile_rules(project)
    assert {path.name for path in folder.iterdir()} == {"seg_b.sql", "seg_b.yml"}
    assert "'segment_code': 'a'" not in generated_path(project).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"feature": "orders", "window": 30, "op": ">=", "value": 2}, "订单（近 30 天） ≥ 2"),
        ({"feature": "orders", "op": "between", "value": [1, 3]}, "1 ≤ 订单 ≤ 3"),
        ({"not": {"any": [{"segment": "s"}, {"has_tag": "t", "in": ["高", "中"]}]}},
         "非 （属于人群「群」 或 有标签「签」为 高 / 中）"),
        ({"all": [{"has_tag": "t"}, {"feature": "orders", "op": "not_in", "value": [1, 2]}]},
         "有标签「签」 且 订单 不属于 1、2"),
    ],
)  # fmt: skip
def test_in_words(condition: dict[str, Any], said: str) -> None:
    names = {"feature": "订单", "segment": "群", "tag": "签"}
    assert in_words(condition, lambda kind, code: names[kind]) == said
