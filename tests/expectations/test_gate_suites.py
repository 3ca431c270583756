"""Suites are data: complete, checked without Great Expectations, and clear when they are wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.streams import STREAMS
from expectations.spec import SuiteError, load_suite, raw_suite_name, suite_names

JUDGED = [key for key in STREAMS if not key.startswith("quarantine/")]
GOOD = "type: expect_table_row_count_to_be_between, kwargs: {min_value: 1}, severity: critical, why: because"


@pytest.mark.parametrize("stream_key", JUDGED)
def test_every_stream_has_a_suite_with_critical_checks(stream_key: str) -> None:
    suite = load_suite(raw_suite_name(stream_key))
    assert any(each.severity == "critical" for each in suite.expectations)


def test_no_suite_without_a_stream() -> None:
    raw = [name for name in suite_names() if name.startswith("raw/")]
    assert raw == sorted(raw_suite_name(key) for key in JUDGED)


def test_both_payloads_have_a_suite() -> None:
    assert {"activation/act_wecom__segment_tags", "activation/act_file__segment_members"} <= set(
        suite_names()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("description: x\nexpectations: []", "expectations"),
        (f"description: x\nexpectations: [{{{GOOD.replace('critical', 'grave')}}}]", "severity"),
        (f"description: x\nexpectations: [{{{GOOD}, colour: red}}]", "colour"),
        (f"description: x\nbatch_query: select 1\nexpectations: [{{{GOOD}}}]", "{rows}"),
        (
            "description: x\n"
            "expectations: [{type: expect_column_values_to_match_regex, severity: critical, why: x}]",
            "unexpected_rows_expectation",
        ),
        ("- just a list", "description"),
        ("description: [unclosed", "YAML"),
    ],
)
def test_a_wrong_suite_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "wrong.yml").write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError) as caught:
        load_suite("wrong", tmp_path)
    assert "wrong.yml" in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_suite_lists_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text(f"description: x\nexpectations: [{{{GOOD}}}]", encoding="utf-8")
    with pytest.raises(SuiteError, match="other"):
        load_suite("nosuch", tmp_path)


def test_importing_the_room_does_not_import_great_expectations() -> None:
    code = (
        "import sys, expectations.spec, expectations.runner, expectations.docs, expectations.engine\n"
        "sys.exit(1 if {'great_expectations', 'pandas'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
