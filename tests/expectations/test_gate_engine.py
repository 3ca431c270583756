"""The engine: true results on DuckDB, files unlocked afterwards, crashes told from bad data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import gate_samples as samples
import pytest

from common.warehouse import connect
from expectations.runner import judge, judge_many
from expectations.spec import raw_suite_name
from expectations.verdict import Request, Verdict

PAYLOAD = "activation/act_wecom__segment_tags"
QUERY = "select * from activation.act_wecom__segment_tags where segment_code = 'vip'"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with connect(path) as db:
        db.execute("create schema activation")
        db.execute(
            """create table activation.act_wecom__segment_tags as
            select * from (values
                ('vip', 'Siyu 会员', '高价值', 'c1', 'liwei', 'wmKx8CBgAA0001'),
                ('vip', 'Siyu 会员', '高价值', 'c1', 'zhouyan', 'wmKx8CBgAA0001'),
                ('bad', '会员等级', '高价值', 'c2', 'liwei', 'wmKx8CBgAA0002')
            ) t(segment_code, tag_group_name, tag_name, customer_id, userid, external_userid)"""
        )
    return path


def custom(tmp_path: Path, expectation: str, batch_query: str = "select * from {rows}") -> Verdict:
    """Judge one good member with a suite of one critical expectation."""
    tmp_path.mkdir(exist_ok=True)
    head = f"description: x\nbatch_query: >-\n  {batch_query}\nexpectations:\n"
    suite = head + "- severity: critical\n  why: because\n" + expectation
    (tmp_path / "custom.yml").write_text(suite, encoding="utf-8")
    parts = samples.arrived(tmp_path, "miniprogram/members", samples.good_rows("miniprogram/members"))
    return judge_many([Request("custom", "one", parts=parts)], suites_dir=tmp_path)[0]


def rows_query(sql: str) -> str:
    return f'  type: unexpected_rows_expectation\n  kwargs: {{unexpected_rows_query: "{sql}"}}\n'


def stock_outcome(url: str, **kwargs: Any) -> Any:
    """What Great Expectations says about one row that is there, through a URL of our choice."""
    from expectations.engine import new_context

    context = new_context()
    source = context.data_sources.add_sql(
        name="stock", connection_string=url, create_temp_table=False, **kwargs
    )
    batch = (
        source.add_query_asset("rows", query="select 1 as n")
        .add_batch_definition_whole_table("all")
        .get_batch()
    )
    import great_expectations as gx

    return batch.validate(gx.expectations.ExpectColumnValuesToNotBeNull(column="n"))


def test_why_there_is_a_dialect_of_our_own() -> None:
    """Pins what the stock dialect does; when this fails, the dialect may no longer be needed."""
    stock = stock_outcome("duckdb:///:memory:")
    assert not stock.success
    assert "IndexError" in str(stock.exception_info)
    with pytest.raises(Exception, match="set_isolation_level"):
        stock_outcome(
            "duckdb:///:memory:", kwargs={"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
        )


def test_our_dialect_gives_true_answers_both_ways(tmp_path: Path) -> None:
    assert (
        custom(tmp_path / "a", rows_query("select 1 from {batch} where buyer_id = 'nobody'")).status
        == "passed"
    )
    verdict = custom(tmp_path / "b", rows_query("select 1 from {batch} where buyer_id = 'b1'"))
    assert (verdict.status, verdict.critical_failures[0].unexpected_count) == ("failed", 1)


def test_regex_quantifiers_are_written_as_they_are(tmp_path: Path) -> None:
    verdict = custom(
        tmp_path, rows_query("select 1 from {batch} where regexp_full_match(buyer_id, '[a-z]{1}[0-9]{1,3}')")
    )
    assert verdict.critical_failures[0].unexpected_count == 1


def test_a_payload_is_judged_by_a_query(warehouse: Path) -> None:
    verdict = judge(PAYLOAD, database=warehouse, query=QUERY, subject="vip")
    assert (verdict.status, verdict.rows) == ("passed", 2), verdict.reason
    bad = judge(PAYLOAD, database=warehouse, query=QUERY.replace("vip", "bad"), subject="bad")
    assert (bad.status, bad.held) == ("failed", True)
    assert "of our own" in bad.reason


def test_the_file_is_unlocked_after_judging(warehouse: Path) -> None:
    judge(PAYLOAD, database=warehouse, query=QUERY, subject="good")
    judge(PAYLOAD, database=warehouse, query="select * from nosuch", subject="crash")
    code = f"import duckdb; duckdb.connect({str(warehouse)!r}).execute('create table other(n int)')"
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert elsewhere.returncode == 0, elsewhere.stderr
    with connect(warehouse) as db:
        db.execute("insert into other values (1)")


def test_the_file_may_be_read_by_others_while_judged(warehouse: Path) -> None:
    with connect(warehouse, read_only=True):
        assert judge(PAYLOAD, database=warehouse, query=QUERY, subject="vip").status == "passed"


def test_judging_cannot_write(warehouse: Path) -> None:
    query = (
        "select * from activation.act_wecom__segment_tags); drop table activation.act_wecom__segment_tags; --"
    )
    assert judge(PAYLOAD, database=warehouse, query=query, subject="evil").status == "error"
    with connect(warehouse, read_only=True) as db:
        assert db.execute("select count(*) from activation.act_wecom__segment_tags").fetchone() == (3,)


@pytest.mark.parametrize(
    ("expectation", "batch_query"),
    [
        ("  type: expect_column_values_to_not_be_null\n  kwargs: {column: nosuch}\n", "select * from {rows}"),
        (
            "  type: expect_column_values_to_not_be_null\n  kwargs: {colum: buyer_id}\n",
            "select * from {rows}",
        ),
        (rows_query("select 1 from {batch} where name::int > 0"), "select * from {rows}"),
        (rows_query("select 1 frm {batch}"), "select * from {rows}"),
        (rows_query("select 1 from {batch}"), "select name::int as n from {rows}"),
    ],
    ids=["missing column", "wrong argument", "conversion", "syntax", "batch query"],
)
def test_a_check_that_crashes_is_an_error_not_bad_data(
    tmp_path: Path, expectation: str, batch_query: str
) -> None:
    verdict = custom(tmp_path, expectation, batch_query)
    assert (verdict.status, verdict.held, verdict.critical_failures) == ("error", True, ())
    assert verdict.error


def test_unreadable_parts_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_bytes(b"not parquet")
    suite = raw_suite_name("wecom/staff")
    for parts in (str(tmp_path / "part-*.parquet"), str(tmp_path / "none-*.parquet")):
        verdict = judge(suite, parts=parts, subject="broken")
        assert (verdict.status, verdict.held) == ("error", True)


def test_nothing_evaluated_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = samples.arrived(tmp_path, "wecom/staff", samples.good_rows("wecom/staff"))
    monkeypatch.setattr("expectations.engine.evaluate", lambda context, suite, batch: ([], None))
    verdict = judge(raw_suite_name("wecom/staff"), parts=parts, subject="none")
    assert (verdict.status, verdict.held) == ("error", True)
    assert "evaluated expectations, got 0" in verdict.reason


def test_one_crash_does_not_spoil_the_next(tmp_path: Path) -> None:
    good = samples.arrived(tmp_path, "wecom/staff", samples.good_rows("wecom/staff"))
    suite = raw_suite_name("wecom/staff")
    wanted = [
        Request("raw/nosuch", "a", parts=good),
        Request(suite, "b", parts="/nowhere"),
        Request(suite, "c", parts=good),
    ]
    assert [verdict.status for verdict in judge_many(wanted)] == ["error", "error", "passed"]


@pytest.mark.parametrize(
    "given", [{}, {"query": "select 1"}, {"parts": "x", "database": Path("y"), "query": "select 1"}]
)
def test_a_request_is_one_batch(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Request("raw/wecom__staff", "x", **given)


def test_a_write_lock_held_elsewhere_holds_the_batch(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)):
        assert judge(PAYLOAD, database=warehouse, query=QUERY, subject="busy").status == "error"
