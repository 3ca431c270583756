"""The rule files: whatever is wrong is said with file and line, and what is right reaches dbt unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path

import jinja2
import pytest

from common.settings import DBT_PROJECT_DIR
from orchestration.rules import compiled
from orchestration.rules.compiled import compile_rules, generated_path
from orchestration.rules.literals import literal
from orchestration.rules.load import load_rules
from orchestration.rules.source import RuleError

TAG = """\
- code: {code}
  name_zh: 名
  description_zh: 定义。
  owner: data
  ageing: dynamic
  version: 1
"""
CASE = """\
  cases:
    - value: 是
      when: {when}
"""
SEGMENT = """\
- code: all_of_them
  name_zh: 全部
  description_zh: 定义。
  owner: data
  purpose: 测试
  version: 1
  destinations: [file_export]
  tag_name: 全部
  holdout_ratio: 0.1
  when: {feature: order_count, op: ">=", value: 0}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the shipped features and nothing else."""
    folder = tmp_path / "dbt_project"
    (folder / "rules" / "tags").mkdir(parents=True)
    shutil.copy(DBT_PROJECT_DIR / "rules" / "features.yml", folder / "rules")
    (folder / "rules" / "segments.yml").write_text(SEGMENT, encoding="utf-8")
    return folder


def put(project: Path, text: str, file: str = "tags/buys.yml") -> Path:
    (project / "rules" / file).write_text(text, encoding="utf-8")
    return project


def a_tag(when: str, code: str = "mine") -> str:
    return TAG.format(code=code) + CASE.format(when=when)


def problems(project: Path) -> list[str]:
    with pytest.raises(RuleError) as caught:
        load_rules(project)
    return caught.value.problems


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{feature: orders_31d_count, op: '=', value: 1}", "tag mine: expected one of the features "),
        (
            "{feature: order_count, window: 31, op: '=', value: 1}",
            "one of the windows 7, 30, 90, 180, 335, 365",
        ),
        ("{feature: city, window: 30, op: '=', value: 杭州}", "one of the measures "),
        (
            "{feature: order_count, op: '~', value: 1}",
            "expected one of = != in not_in > >= < <= between, got '~'",
        ),
        ("{feature: city, op: '>', value: 杭州}", "expected one of = != in not_in, got '>'"),
        ("{feature: order_count, op: '=', value: '1'}", "expected a number, got '1'"),
        ("{feature: order_count, op: '=', value: true}", "expected a number, got True"),
        ("{feature: order_count, op: '=', value: .inf}", "expected a number, got inf"),
        ("{feature: city, op: '=', value: yes}", "expected a text, got True"),
        ("{feature: order_count, op: in, value: 3}", "a list of at least one value, got 3"),
        ("{feature: order_count, op: between, value: [3]}", "two numbers, both included, got [3]"),
        ("{feature: order_count, op: between, value: [3, 1]}", "the smaller number first"),
        ("{all: []}", "a list of at least one condition, got []"),
        ("{all: [{feature: order_count, op: '=', value: 1}], any: []}", "a condition with one of feature"),
        (
            "{feature: order_count, op: '=', value: 1, days: 3}",
            "only feature, op, value, window beside feature",
        ),
        ("{has_tag: nobody}", "one of the tags mine"),
        ("{has_tag: mine, value: 否}", "one of the values 是 of the tag mine, got '否'"),
        ("{segment: nobody}", "one of the segments all_of_them, got 'nobody'"),
        ("order_count > 3", "a condition with one of feature"),
        ("{staff_tag: 3}", "a text that is not empty, got 3"),
        ("{any: [{staff_tag: 勿扰, group: ''}]}", "a text that is not empty, got ''"),
        ("{staff_tag: 勿扰, value: 1}", "only group beside staff_tag, got 'value'"),
    ],
)
def test_wrong_condition__is_named_with_its_line(project: Path, when: str, said: str) -> None:
    (problem,) = problems(put(project, a_tag(when)))
    assert problem.startswith("dbt_project/rules/tags/buys.yml:9: tag mine: expected ")
    assert said in problem


def test_staff_tag__is_counted_like_any_measure(project: Path) -> None:
    """One measure per name and group, however often it is asked for; `siyu why` and funnels call it by its name."""
    when = "{any: [{staff_tag: 勿扰}, {not: {staff_tag: 勿扰, group: 跟进}}, {staff_tag: 勿扰}]}"
    rules = load_rules(put(project, a_tag(when)))
    asked = [each for each in rules.features.measures if each.staff_tag]
    assert [(each.staff_tag.name, each.staff_tag.group) for each in asked if each.staff_tag] == [
        ("勿扰", None), ("勿扰", "跟进")
    ]  # fmt: skip
    first, second = asked
    condition = {"op": ">=", "value": 1}
    assert rules.tags[0].entry.cases[0].when == {
        "any": [
            {"feature": first.name, **condition},
            {"not": {"feature": second.name, **condition}},
            {"feature": first.name, **condition},
        ]
    }
    names = compiled.rules_as_data(rules)["names"]
    assert (names[first.name], names[second.name]) == ("员工标签「勿扰」", "员工标签「跟进/勿扰」")


def test_questions__give_measures_and_each_code_once(project: Path) -> None:
    features = project / "rules" / "features.yml"
    put(project, a_tag("{feature: question_size_count, window: 30, op: '>=', value: 1}"))
    assert load_rules(project)
    text = features.read_text(encoding="utf-8")
    features.write_text(text + "  - code: size\n    name_zh: 又\n    keywords: [码]\n", encoding="utf-8")
    assert any("question size: expected each code once" in each for each in problems(project))
    features.write_text(text + "  - code: colour\n    name_zh: 颜色\n    keywords: []\n", encoding="utf-8")
    assert any("keywords to be at least one" in each for each in problems(project))


def test_wrong_entries__are_all_said_at_once(project: Path) -> None:
    text = (
        TAG.format(code="Robert'); drop table").replace("version: 1", "version: one")
        + "  feature: city\n  made: fact\n"
    )
    assert problems(put(project, text)) == [
        "dbt_project/rules/tags/buys.yml:1: tag Robert'); drop table: expected code to be to match pattern "
        "'^[a-z][a-z0-9_]{0,49}$', got \"Robert'); drop table\"",
        "dbt_project/rules/tags/buys.yml:6: tag Robert'); drop table: expected version to be a whole number, "
        "got 'one'",
        "dbt_project/rules/tags/buys.yml:8: tag Robert'); drop table: expected no field of this name (made), "
        "got 'made'",
    ]


def test_missing_field__unknown_family__neither_fact_nor_rule(project: Path) -> None:
    put(project, TAG.format(code="a").replace("  owner: data\n", ""))
    put(project, TAG.format(code="b"), "tags/misc.yml")
    said = problems(project)
    assert said[0] == "dbt_project/rules/tags/buys.yml:1: tag a: expected this field (owner), got nothing"
    assert said[1].startswith("dbt_project/rules/tags/misc.yml:1: tags: expected a file named after a family")
    (project / "rules" / "tags" / "misc.yml").unlink()
    (said,) = problems(put(project, TAG.format(code="b")))
    assert "expected feature (a fact tag) or cases (a rule tag)" in said


def test_doubled_code__names_both_places(project: Path) -> None:
    put(project, TAG.format(code="a") + "  feature: city\n")
    put(project, "# who\n" + TAG.format(code="a") + "  feature: gender\n", "tags/who.yml")
    assert problems(project) == [
        "dbt_project/rules/tags/who.yml:2: tag a: expected each code once (first at "
        "dbt_project/rules/tags/buys.yml:1), got 'a'"
    ]


def test_rules_that_lean_on_themselves__are_refused(project: Path) -> None:
    """By whatever way; the one that only looks at the circle is no part of it."""
    segment = SEGMENT.replace('{feature: order_count, op: ">=", value: 0}', "{has_tag: a}")
    put(project, segment, "segments.yml")
    put(
        project,
        a_tag("{not: {any: [{has_tag: b}]}}", "a")
        + a_tag("{segment: all_of_them}", "b")
        + a_tag("{has_tag: a}", "c"),
    )
    said = problems(project)
    assert [line.split(": ")[1] for line in said] == ["tag a", "tag b", "segment all_of_them"]
    assert all("expected rules that do not lean on themselves" in line for line in said)


VERSIONED = """\
  effective_from: {newest}
  earlier:
    - version: {second}
      effective_from: {day}
      cases: [{{value: 是, when: {{feature: order_count, op: '=', value: 2}}}}]
    - version: 0
      cases: [{{value: 是, when: {{feature: order_count, op: '=', value: 1}}}}]
"""


@pytest.mark.parametrize(
    ("newest", "second", "day", "said"),
    [
        ("2026-12-01", 2, "2026-12-01", "expected a day before the next version's"),
        ("2026-12-01", 3, "2026-11-01", "expected a lower version, newest first, got 3"),
        ("null", 2, "2026-11-01", "expected effective_from of the version after it, got nothing"),
        ("2026-12-01", 2, "null", "expected effective_from of the version after it, got nothing"),
    ],
)
def test_versions__go_back_in_time(project: Path, newest: str, second: int, day: str, said: str) -> None:
    text = a_tag("{feature: order_count, op: '=', value: 3}").replace("version: 1", "version: 3")
    more = VERSIONED.format(newest=newest, second=second, day=day).replace("version: 0", "version: 1")
    found = problems(put(project, text + more))
    assert any(said in problem for problem in found), found
    put(
        project,
        text
        + VERSIONED.format(newest="2026-12-01", second=2, day="2026-11-01").replace(
            "version: 0", "version: 1"
        ),
    )
    assert len(load_rules(project).tags[0].entry.earlier) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- code: [\n", "expected YAML, got"),
        ("- code: a\n  code: b\n", "buys.yml:2: expected each key once, got 'code' again"),
        ("- &a {code: *a}\n", "expected data, got an alias of what is around it"),
        ("code: a\n", "tag: expected a list of entries, got {'code': 'a'}"),
        ("- !!python/object/apply:os.system [ls]\n", "tag no. 1: expected a mapping, got ['ls']"),
    ],
)
def test_wrong_yaml__is_named_with_its_line(project: Path, text: str, said: str) -> None:
    (problem,) = problems(put(project, text))
    assert said in problem


HOSTILE = "it's \" {{ 1 / 0 }} {% endmacro %} {# \\ \n; drop table x -- 中文 🛒"


def test_literal__is_data_whatever_it_holds() -> None:
    """Through Jinja, as a macro file is: nothing of it is taken for code."""
    data = {"a": [HOSTILE, 1, 0.25, True, None], HOSTILE: {}}
    text = f"{{% macro m() %}}{{{{ return({literal(data)}) }}}}{{% endmacro %}}{{{{ m() }}}}"
    returned = []
    jinja2.Environment(autoescape=False).from_string(text).render(**{"return": returned.append})
    assert returned == [data]
    assert not set("{}%#'") & set(literal(HOSTILE))


def test_compile__writes_only_what_changed(project: Path) -> None:
    put(project, a_tag("{feature: order_count, window: 30, op: '=', value: 1}"))
    assert compile_rules(project)
    assert not compile_rules(project)
    before = generated_path(project).read_text(encoding="utf-8")
    put(project, a_tag("{feature: order_count, window: 30, op: '=', value: 1}").replace("定义", "另一个定义"))
    assert compile_rules(project)
    after = generated_path(project).read_text(encoding="utf-8")
    assert digest_of("compiled_rules_digest", before) != digest_of("compiled_rules_digest", after)
    assert digest_of("rules_answers_digest", before) == digest_of("rules_answers_digest", after), (
        "words rebuild nothing"
    )
    put(project, a_tag("{feature: order_count, window: 30, op: '=', value: 2}"))
    assert compile_rules(project)
    last = generated_path(project).read_text(encoding="utf-8")
    assert digest_of("rules_answers_digest", before) != digest_of("rules_answers_digest", last)


def test_compile__where_nothing_can_be_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that is current may be read-only; one that is not says what to do."""
    compile_rules(project)

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(compiled.tempfile, "mkstemp", refuse)
    assert not compile_rules(project)
    put(project, a_tag("{feature: order_count, op: '=', value: 2}"))
    with pytest.raises(RuleError, match="run `siyu rules compile` where it can"):
        compile_rules(project)


def digest_of(macro: str, text: str) -> str:
    return text.split(f"macro {macro}()")[1].split("return(")[1].split(")")[0]
