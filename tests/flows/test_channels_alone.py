"""File orders alone are enough, by the command line alone; dbt alone builds the same from the same lake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from common.settings import DBT_PROJECT_DIR, Settings
from orchestration.dbt_run import draw_digest
from tests.exactness.dbt_home import differing_rows
from tests.flows.small_home import OrderRow, environment, published, settings_for, write_orders

pytestmark = pytest.mark.xdist_group("flows")

AS_OF = "2026-02-28"
LONG_ID = "9007199254740993123"  # not a number any float can hold
GOOD = [
    *(
        OrderRow(f"g{n}", f"b{n % 6}", f"2026-{1 + n % 2:02d}-{1 + n % 28:02d} 21:30:00", f"{n}.05")
        for n in range(40)
    ),
    OrderRow(LONG_ID, "买家😀", "2026-02-11 00:30:00", "0.01"),
    OrderRow("back", "b1", "2026-02-12 10:00:00", "-12.00"),
]
BAD = [
    OrderRow("bad-day", "b1", "2026-02-31 10:00:00", "10.00"),
    OrderRow("", "b1", "2026-02-11 10:00:00", "10.00"),
    OrderRow("bad-amount", "b1", "2026-02-11 10:00:00", "ten"),
    OrderRow("bad-fraction", "b1", "2026-02-11 10:00:00", "1.005"),
    OrderRow("3.72E+18", "b1", "2026-02-11 10:00:00", "10.00"),
    OrderRow("bad-status", "b1", "2026-02-11 10:00:00", "10.00", status="飞走了"),
]
ROWS = [*GOOD[:10], *BAD[:3], *GOOD[10:], *BAD[3:]]


def program(name: str, *arguments: str, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a program of this environment and return what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(name)), *arguments],
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("alone")
    settings = settings_for(folder / "home")
    mapping = write_orders(folder / "订单.csv", ROWS, "Asia/Shanghai")
    env = environment(settings)
    options = ("--channel", "miniprogram", "--stream", "orders", "--mapping", str(mapping))
    said = program("siyu", "ingest", "file", *options, str(folder / "订单.csv"), cwd=folder, env=env)
    assert f"{len(BAD)} quarantined" in said
    program("siyu", "run", "--as-of", AS_OF, cwd=folder, env=env)
    return settings


def test_file_orders_alone__are_published(settings: Settings) -> None:
    orders = dict(published(settings, "select order_id, amount_fen from orders"))
    assert orders.keys() == {row.order_id for row in GOOD}
    assert sum(orders.values()) == sum(round(float(row.amount) * 100) for row in GOOD)
    manifest = json.loads((settings.published_dir / "current" / "manifest.json").read_text())
    assert manifest["as_of"] == AS_OF
    promised = {
        "customers", "customer_identities", "orders", "customer_tags", "tag_catalog", "tag_history",
        "member_tiers", "cohort_retention", "segments", "segment_members", "sync_log",
    }  # fmt: skip
    assert promised <= manifest["tables"].keys()
    assert manifest["tables"]["wecom_relations"]["rows"] == 0


def test_file_orders_alone__have_a_whole_report_page(settings: Settings) -> None:
    page = (settings.published_dir / "report.html").read_text(encoding="utf-8")
    assert page.count("<section id=") == 8
    assert "could not be made" not in page
    assert "新加企微" in page
    assert "还没有直播数据" in page


def test_file_orders_alone__make_customers_of_buyers(settings: Settings) -> None:
    keys = published(settings, "select identifier_key from customer_identities")
    assert {key.rpartition(":")[2] for (key,) in keys} == {row.buyer_id for row in GOOD}
    assert published(settings, "select count(*) from customers") == [(7,)]


def test_bad_rows__have_line_and_reason(settings: Settings) -> None:
    rows = published(settings, "select source_line, reason, channel_code, stream from quarantined_rows")
    assert {line for line, *_ in rows} == {2 + ROWS.index(bad) for bad in BAD}
    assert all(reason for _, reason, *_ in rows)
    reasons = {line: reason for line, reason, *_ in rows}
    assert "paid_at" in reasons[2 + ROWS.index(BAD[0])]
    assert {each[2:] for each in rows} == {("miniprogram", "orders")}


def test_bad_rows__nothing_is_lost(settings: Settings) -> None:
    counted = published(
        settings, "select (select count(*) from orders), (select count(*) from quarantined_rows)"
    )
    assert counted == [(len(GOOD), len(BAD))]
    assert sum(counted[0]) == len(ROWS)


def test_dbt_alone__builds_the_same(settings: Settings, tmp_path: Path) -> None:
    by_dagster = settings.home / "by_dagster.duckdb"
    settings.warehouse_path.rename(by_dagster)
    try:
        env = environment(settings) | {
            "SIYU_DRAW_DIGEST": draw_digest(settings),
            "SIYU_AS_OF": AS_OF,
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
        }
        assert not any("dagster" in name.lower() for name in env if name != "PYTHONPATH")
        # Unit tests, which a plain `dbt build` runs too, are those of tests/meta.
        program(
            "dbt", "build", "--quiet", "--exclude-resource-type", "unit_test", cwd=DBT_PROJECT_DIR, env=env
        )
        differing = differing_rows(by_dagster, settings.warehouse_path)
    finally:
        by_dagster.replace(settings.warehouse_path)
    assert differing["marts.fct_orders"] == 0
    assert not {name: count for name, count in differing.items() if count}
