"""Segments to CSV files."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from activation import log
from activation.destinations.hand_off_files import safe_text
from activation.policy import PolicyError, load_policy

AS_OF = dt.date(2026, 3, 1)


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_file_holds_the_whole_segment_and_is_renewed_only_when_it_changed(brand):
    brand.with_customers(3)
    brand.spend = {"c001": -250}
    brand.build()
    report = brand.sync("file_export")
    assert (report.status, report.outcomes) == ("sent", {"sent": 3})
    path = brand.settings.exports_dir / "dormant" / "2026-03-01.csv"
    rows = read(path)
    assert [(r["customer_id"], r["net_spend_cny"]) for r in rows] == [
        ("c000", "123.45"),
        ("c001", "-2.50"),
        ("c002", "123.45"),
    ]
    assert rows[0]["segment_name_zh"] == "沉睡客户"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert {r["message"] for r in log.sync_log(brand.settings).to_pylist()} == {
        f"2026-03-01.csv: 3 rows, sha256 {digest}"
    }
    assert duckdb.sql(f"select count(*) from read_csv('{path}')").fetchone() == (3,)
    tomorrow = AS_OF + dt.timedelta(days=1)
    assert brand.sync("file_export", as_of=tomorrow).plan.rows == 0
    brand.spend["c002"] = 1
    del brand.members["c000"]
    brand.build()
    report = brand.sync("file_export", as_of=tomorrow)
    assert (report.plan.changes, report.plan.removes, report.plan.unchanged) == (1, 1, 1)
    assert [r["customer_id"] for r in read(path.with_name("2026-03-02.csv"))] == ["c001", "c002"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["2026-03-01.csv", "2026-03-02.csv"]
    assert not brand.wecom.calls


def test_a_dry_run_writes_no_file(brand):
    brand.with_customers(3)
    brand.build()
    assert brand.sync("file_export", mode="dry_run").plan.adds == 3
    assert not brand.settings.exports_dir.exists()


def test_holdouts_are_in_no_file(brand):
    brand.with_customers(3)
    brand.holdouts, brand.leak_holdouts = {"c001"}, True
    brand.build()
    brand.sync("file_export")
    rows = read(brand.settings.exports_dir / "dormant" / "2026-03-01.csv")
    assert [r["customer_id"] for r in rows] == ["c000", "c002"]


def test_a_segment_name_cannot_become_a_formula(brand):
    brand.with_customers(1)
    brand.name_zh = '=HYPERLINK("http://evil")'
    brand.build()
    brand.sync("file_export")
    rows = read(brand.settings.exports_dir / "dormant" / "2026-03-01.csv")
    assert rows[0]["segment_name_zh"] == '\'=HYPERLINK("http://evil")'


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_every_formula_start_is_defused(start):
    assert safe_text(f"{start}1+1") == f"'{start}1+1"
    assert safe_text(f"a{start}1") == f"a{start}1"


def test_parquet_and_excel_lie_beside_the_csv_when_asked_for(brand, monkeypatch, tmp_path):
    path = tmp_path / "policy.yml"
    path.write_text(load_policy_text().replace("formats: [csv]", "formats: [parquet, xlsx]"))
    monkeypatch.setattr("activation.plans.load_policy", lambda: load_policy(path))
    monkeypatch.setattr("activation.apply.load_policy", lambda: load_policy(path))
    brand.with_customers(3)
    brand.spend = {"c001": -250}
    brand.name_zh = "=1+1"
    brand.build()
    assert brand.sync("file_export").status == "sent"
    folder = brand.settings.exports_dir / "dormant"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"2026-03-01.{kind}" for kind in ("csv", "parquet", "xlsx")
    ]
    table = pq.read_table(folder / "2026-03-01.parquet").to_pylist()
    assert [(r["customer_id"], str(r["net_spend_cny"]), r["order_count"]) for r in table] == [
        ("c000", "123.45", 2),
        ("c001", "-2.50", 2),
        ("c002", "123.45", 2),
    ]
    sheet = list(openpyxl.load_workbook(folder / "2026-03-01.xlsx").active.iter_rows())
    assert [cell.value for cell in sheet[2]][:3] == ["dormant", "'=1+1", "c001"]
    assert {cell.data_type for row in sheet for cell in row} <= {"s", "n", "d"}, "no formulas"


def test_a_disk_error_is_a_row_not_sent_and_comes_again(brand):
    brand.with_customers(2)
    brand.build()
    blocker = brand.settings.exports_dir / "dormant" / "2026-03-01.csv"
    blocker.mkdir(parents=True)
    report = brand.sync("file_export")
    assert (report.status, report.outcomes) == ("refused", {"not_sent": 2})
    assert [p.name for p in blocker.parent.iterdir()] == ["2026-03-01.csv"], "no scratch file is left"
    blocker.rmdir()
    assert brand.sync("file_export").outcomes == {"sent": 2}


def test_a_wrong_policy_is_named(tmp_path):
    path = tmp_path / "policy.yml"
    path.write_text(load_policy_text().replace("removals_share: 0.30", "removals_share: 3"))
    with pytest.raises(PolicyError, match=r"policy\.yml: brake\.removals_share: .* got 3"):
        load_policy(path)


@pytest.mark.parametrize(
    ("adds", "changes", "removes", "known", "objection"),
    [
        (50_000, 50_000, 5_000, 100_000, None),
        (50_001, 0, 0, 0, "50001 additions"),
        (0, 50_001, 0, 60_000, "50001 changes"),
        (0, 0, 5_001, 100_000, "5001 removals"),
        (0, 0, 21, 70, None),
        (0, 0, 22, 70, "brake: 22 of 70"),
    ],
)
def test_the_policy_names_what_needs_a_person(adds, changes, removes, known, objection):
    said = load_policy().objection(adds=adds, changes=changes, removes=removes, known=known)
    assert (said is None) if objection is None else said.startswith(objection)


def load_policy_text() -> str:
    from activation.policy import POLICY_PATH

    return POLICY_PATH.read_text(encoding="utf-8")
