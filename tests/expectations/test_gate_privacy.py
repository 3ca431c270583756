"""No cell value may leave the gate: not in verdicts, Data Docs or logs, not even when a check crashes."""

from __future__ import annotations

import json
from pathlib import Path

import gate_samples as samples
import pytest

from expectations.runner import judge, judge_many
from expectations.safe_text import describe_error
from expectations.spec import raw_suite_name
from expectations.verdict import Request

NAME = "欧阳小鹿"


def planted(tmp_path: Path) -> str:
    """A batch with a phone and a name in every text column, so that nearly every check fails on them."""
    rows = samples.good_rows("miniprogram/members") * 3
    for row in rows:
        row |= dict.fromkeys(["buyer_id", "unionid", "phone", "phone_hmac", "gender"], samples.PHONE) | {
            "name": NAME
        }
    return samples.arrived(tmp_path, "miniprogram/members", rows)


def written(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())


def test_failing_cells_stay_inside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    docs = tmp_path / "docs"
    parts = planted(tmp_path)
    verdict = judge(raw_suite_name("miniprogram/members"), parts=parts, subject="planted", docs_dir=docs)
    assert len(verdict.critical_failures) >= 2
    assert len(verdict.advisory_failures) >= 2
    assert verdict.docs_path is not None
    said = json.dumps(verdict.as_metadata(), ensure_ascii=False) + repr(verdict) + written(docs)
    said += "".join(capfd.readouterr()) + caplog.text
    assert verdict.critical_failures[0].why in verdict.docs_path.read_text(encoding="utf-8")
    assert samples.PHONE not in said
    assert NAME not in said


@pytest.mark.parametrize(
    ("check", "batch_query"),
    [
        ("select 1 from {batch} where phone::date > date '2000-01-01'", "select * from {rows}"),
        ("select 1 from {batch} where name::int > 0", "select * from {rows}"),
        ("select 1 from {batch} where (name || phone)::json is null", "select * from {rows}"),
        ("select 1 from {batch}", "select (phone || name)::bigint as n from {rows}"),
        ("select 1 from {batch} where error(phone) is null", "select * from {rows}"),
    ],
)
def test_crashes_quote_no_cells(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    check: str,
    batch_query: str,
) -> None:
    (tmp_path / "crash.yml").write_text(
        json.dumps(
            {
                "description": "x",
                "batch_query": batch_query,
                "expectations": [
                    {
                        "type": "unexpected_rows_expectation",
                        "kwargs": {"unexpected_rows_query": check},
                        "severity": "critical",
                        "why": "because",
                    }
                ],
            }
        ),
        encoding="utf-8",
    )
    docs = tmp_path / "docs"
    request = Request("crash", "planted", parts=planted(tmp_path), docs_dir=docs)
    verdict = judge_many([request], suites_dir=tmp_path)[0]
    assert verdict.status == "error"
    said = repr(verdict) + verdict.reason + written(docs) + "".join(capfd.readouterr()) + caplog.text
    assert samples.PHONE not in said
    assert NAME not in said


def test_error_texts_keep_what_helps() -> None:
    text = describe_error("KeyError", "The column \"paid_at\" was given '13912345678' today", ["paid_at"])
    assert text == 'KeyError: The column "paid_at" was given …'
    assert describe_error("E", "value 13912345678 of 王芳\nLINE 1: select") == "E: value … of …"
    assert describe_error("E", "") == "E"


def test_docs_show_the_last_verdict_only(tmp_path: Path) -> None:
    docs, suite = tmp_path / "docs", raw_suite_name("wecom/staff")
    good = samples.arrived(tmp_path, "wecom/staff", samples.good_rows("wecom/staff"))
    first = judge(suite, parts=good, subject="wecom/staff <daily>", docs_dir=docs)
    assert first.docs_path is not None
    page = first.docs_path
    assert "Great Expectations" in page.read_text(encoding="utf-8")
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert page.relative_to(docs).as_posix() in index
    assert "wecom/staff &lt;daily&gt;" in index
    judge(suite, parts="/nowhere/*.parquet", subject="wecom/staff <daily>", docs_dir=docs)
    assert not page.exists()
    assert 'class="error"' in (docs / "index.html").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_does_not_hold_good_data(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("a file where a folder should be", encoding="utf-8")
    good = samples.arrived(tmp_path, "wecom/staff", samples.good_rows("wecom/staff"))
    verdict = judge(raw_suite_name("wecom/staff"), parts=good, subject="x", docs_dir=tmp_path / "docs")
    assert (verdict.status, verdict.docs_path) == ("passed", None)
