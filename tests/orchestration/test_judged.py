"""The memory of what passed forgets what did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.settings import Settings
from expectations.verdict import Failure
from orchestration.judged import Judged, digest_of_parts, digest_of_suite
from tests.orchestration.verdicts import verdict


def test_judged__remembers_what_passed_for_the_same_rows_only(tmp_path: Path) -> None:
    memory = Judged(Settings(home=tmp_path))
    assert memory.passed("raw/wecom/staff", "d1") is None
    memory.remember("raw/wecom/staff", "d1", verdict())
    known = Judged(Settings(home=tmp_path)).passed("raw/wecom/staff", "d1")
    assert known is not None
    assert known["status"] == "passed"
    assert memory.passed("raw/wecom/staff", "d2") is None
    assert memory.passed("raw/wecom/groups", "d1") is None


def test_judged__forgets_what_was_held(tmp_path: Path) -> None:
    memory = Judged(Settings(home=tmp_path))
    memory.remember("key", "d1", verdict())
    memory.remember("key", "d2", verdict(critical=(Failure("x", "userid", "must be there", 3),)))
    assert memory.passed("key", "d1") is None
    assert memory.passed("key", "d2") is None
    memory.remember("key", "d3", verdict(error="crashed"))
    assert memory.passed("key", "d3") is None


def test_judged__survives_a_broken_file(tmp_path: Path) -> None:
    memory = Judged(Settings(home=tmp_path))
    memory.remember("key", "d1", verdict())
    (tmp_path / "gate" / "judged.json").write_text("{")
    assert memory.passed("key", "d1") is None


def test_digest_of_parts__tells_rows_apart_but_not_their_order(tmp_path: Path) -> None:
    import duckdb

    def digest(sql: str) -> str:
        path = tmp_path / "part-0.parquet"
        duckdb.sql(f"copy ({sql}) to '{path}' (format parquet)")
        return digest_of_parts(str(path))

    two = digest("select * from (values (1, 'a'), (2, 'b')) as t(n, s) order by n")
    assert digest("select * from (values (1, 'a'), (2, 'b')) as t(n, s) order by n desc") == two
    assert digest("select * from (values (1, 'b'), (2, 'a')) as t(n, s)") != two
    assert digest("select * from (values (1, 'a'), (2, 'b'), (2, 'b')) as t(n, s)") != two


@pytest.mark.parametrize("changed", ["one.yml", "_base.yml"])
def test_digest_of_suite__follows_the_file_and_its_base(tmp_path: Path, changed: str) -> None:
    check = "{type: expect_table_row_count_to_be_between, kwargs: {min_value: 1}, severity: critical, why: a}"
    (tmp_path / "_base.yml").write_text(f"expectations: [{check}]")
    (tmp_path / "one.yml").write_text(f"description: a\nbase: _base\nexpectations: [{check}]")
    before = digest_of_suite("one", tmp_path)
    path = tmp_path / changed
    path.write_text(path.read_text().replace("why: a", "why: b"))
    assert digest_of_suite("one", tmp_path) != before
