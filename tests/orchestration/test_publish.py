"""The published copy: whole or not at all, and cheap when little changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from common.settings import Settings
from common.warehouse import connect
from orchestration import publish as room
from orchestration import published_database
from orchestration.project import PublicTable
from orchestration.publish import publish, read_manifest

TABLES = [
    PublicTable("customers", "marts", "dim_customers", "model.siyu.dim_customers"),
    PublicTable("segment_members", "marts", "segment_members", "model.siyu.segment_members"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    with connect(settings.warehouse_path) as db:
        db.execute("create schema meta; create schema marts")
        db.execute(
            "create table meta.run_log as "
            "select 1 as run_no, date '2017-12-31' as as_of, 'L1' as known_load_id, 'complete' as state"
        )
        db.execute(
            "create table marts.dim_customers as select 'c' || n as customer_id, n from range(5) as t(n)"
        )
        db.execute("create table marts.segment_members (segment_code varchar, customer_id varchar)")
        db.execute("insert into marts.segment_members values ('a', 'c1'), ('a', 'c2'), ('b', 'c3')")
    return settings


def members(settings: Settings) -> list[tuple[str, str]]:
    with duckdb.connect(str(settings.published_dir / "current" / "siyu.duckdb"), read_only=True) as db:
        return db.execute("select segment_code, customer_id from segment_members order by all").fetchall()


def change(settings: Settings, sql: str) -> None:
    with connect(settings.warehouse_path) as db:
        db.execute(sql)


def test_publish__writes_parquet_database_and_manifest(settings: Settings) -> None:
    log = pa.table({"plan_id": ["p1"], "outcome": ["sent"]})
    manifest = publish(settings, TABLES, run_id="r1", extra={"sync_log": log})
    current = settings.published_dir / "current"
    assert current.resolve().name == "r1"
    assert read_manifest(current) == manifest
    assert (manifest.as_of, manifest.known_at, manifest.run_id) == ("2017-12-31", "L1", "r1")
    assert {name: entry.rows for name, entry in manifest.tables.items()} == {
        "customers": 5,
        "segment_members": 3,
        "sync_log": 1,
    }
    with duckdb.connect(str(current / "siyu.duckdb"), read_only=True) as db:
        assert db.execute("select count(*) from customers").fetchall() == [(5,)]
        assert db.execute("select * from sync_log").fetchall() == [("p1", "sent")]
    assert duckdb.sql(f"select max(n) from '{current}/customers.parquet'").fetchall() == [(4,)]


def test_publish__a_large_table_is_sorted_unless_the_rows_of_a_customer_stand_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.published_database._LARGE_ROWS", 1)
    rows = "select 'c' || lpad(n::varchar, 8, '0') as customer_id, n from range(2_000_000) as t(n)"
    change(settings, f"create or replace table marts.dim_customers as {rows}")
    with connect() as db:
        db.execute(f"attach '{settings.warehouse_path}' as warehouse (read_only)")
        (customers, members) = TABLES
        assert published_database._order(db, published_database.table_query(customers), customers) == ""
        # Of the members there is a part only: that is no table whose order is known.
        part = f"{published_database.table_query(members)} where segment_code = 'a'"
        assert "order by" in published_database._order(db, part, members)
    change(settings, f"create or replace table marts.dim_customers as {rows} order by hash(n)")
    publish(settings, TABLES, run_id="shuffled")
    with duckdb.connect(str(settings.published_dir / "current" / "siyu.duckdb"), read_only=True) as db:
        of_one = db.execute("select n from customers limit 200000").fetchall()
    assert max(n for (n,) in of_one) < 400_000  # row groups by and by, though two cores wrote them


def test_publish__links_what_did_not_change_and_writes_what_did(settings: Settings) -> None:
    first = publish(settings, TABLES, run_id="r1")
    change(settings, "insert into marts.segment_members values ('b', 'c4')")
    second = publish(settings, TABLES, run_id="r2")
    root = settings.published_dir
    assert (root / "r1/customers.parquet").samefile(root / "r2/customers.parquet")
    assert not (root / "r1/segment_members.parquet").samefile(root / "r2/segment_members.parquet")
    assert not (root / "r1/siyu.duckdb").samefile(root / "r2/siyu.duckdb")
    assert first.tables["customers"] == second.tables["customers"]
    assert len(members(settings)) == 4
    publish(settings, TABLES, run_id="r3")
    assert (root / "r2/siyu.duckdb").samefile(root / "r3/siyu.duckdb")


def test_publish__a_view_over_public_tables_stays_a_view_with_the_same_rows(settings: Settings) -> None:
    change(settings, "create view marts.newest as select * from warehouse.marts.dim_customers where n >= 3")
    change(settings, "create view marts.counted as select count(*) as n from warehouse.meta.run_log")
    views = [PublicTable(name, "marts", name, f"model.siyu.{name}") for name in ("counted", "newest")]
    publish(settings, [*TABLES, *views], run_id="r1")
    current = settings.published_dir / "current"
    (current / "siyu.duckdb").rename(current / "moved.duckdb")
    with duckdb.connect(str(current / "moved.duckdb"), read_only=True) as db:
        assert db.execute("select customer_id from newest order by all").fetchall() == [("c3",), ("c4",)]
        assert db.execute("select * from counted").fetchall() == [(1,)]
        assert db.execute("select view_name from duckdb_views() where not internal").fetchall() == [
            ("newest",)
        ]
    assert duckdb.sql(f"select count(*) from '{current}/newest.parquet'").fetchall() == [(2,)]


def test_publish__sees_a_change_that_leaves_count_and_schema_as_they_were(settings: Settings) -> None:
    publish(settings, TABLES, run_id="r1")
    change(settings, "update marts.segment_members set customer_id = 'c9' where customer_id = 'c3'")
    publish(settings, TABLES, run_id="r2")
    assert ("b", "c9") in members(settings)


def test_publish__keeps_the_members_of_a_held_segment(settings: Settings) -> None:
    publish(settings, TABLES, run_id="r1")
    change(
        settings,
        "delete from marts.segment_members; insert into marts.segment_members values ('a','x'), ('b','y')",
    )
    manifest = publish(settings, TABLES, run_id="r2", held_segments=["a"])
    assert members(settings) == [("a", "c1"), ("a", "c2"), ("b", "y")]
    assert manifest.held == ["a"]
    assert manifest.tables["segment_members"].rows == 3
    publish(settings, TABLES, run_id="r3")
    assert members(settings) == [("a", "x"), ("b", "y")]


def test_publish__of_a_segment_held_from_the_start_shows_nobody(settings: Settings) -> None:
    publish(settings, TABLES, run_id="r1", held_segments=["a"])
    assert members(settings) == [("b", "c3")]


def test_publish__that_fails_leaves_the_last_copy_and_the_next_one_cleans_up(settings: Settings) -> None:
    publish(settings, TABLES, run_id="r1")
    broken = [*TABLES, PublicTable("missing", "marts", "not_there", "model.siyu.not_there")]
    with pytest.raises(duckdb.CatalogException, match="not_there"):
        publish(settings, broken, run_id="r2")
    assert (settings.published_dir / "current").resolve().name == "r1"
    assert len(members(settings)) == 3
    publish(settings, TABLES, run_id="r3")
    assert sorted(path.name for path in settings.published_dir.iterdir()) == ["current", "r1", "r3"]


def test_publish__what_finishes_a_copy_stands_in_it_before_readers_see_it(settings: Settings) -> None:
    root = settings.published_dir
    seen: list[tuple[bool, Path | None, str]] = []

    def finish(folder: Path, before: Path | None) -> None:
        with duckdb.connect(str(folder / "siyu.duckdb"), read_only=True) as db:
            [(rows,)] = db.execute("select count(*) from segment_members").fetchall()
        whole = (folder / "manifest.json").exists() and not (
            root / folder.name.removeprefix(".new-")
        ).exists()
        seen.append((whole, before, f"{rows} rows"))
        (folder / room.REPORT).write_text(f"page of {rows} rows")

    publish(settings, TABLES, run_id="r1", finish=finish)
    assert (root / "report.html").read_text() == "page of 3 rows"
    change(settings, "insert into marts.segment_members values ('b', 'c4')")
    publish(settings, TABLES, run_id="r2", finish=finish)
    assert seen == [(True, None, "3 rows"), (True, root / "r1", "4 rows")]
    # The link leads through `current`: the page and the copy change in the same step.
    assert os.readlink(root / "report.html") == "current/report.html"
    assert (root / "report.html").read_text() == "page of 4 rows"
    assert (root / "r1" / "report.html").read_text() == "page of 3 rows"


def test_publish__a_reader_keeps_its_copy_while_another_is_published(settings: Settings) -> None:
    publish(settings, TABLES, run_id="r1")
    with duckdb.connect(str(settings.published_dir / "current" / "siyu.duckdb"), read_only=True) as reader:
        change(settings, "insert into marts.segment_members values ('b', 'c4')")
        publish(settings, TABLES, run_id="r2")
        assert reader.execute("select count(*) from segment_members").fetchall() == [(3,)]
    assert len(members(settings)) == 4


def test_publish__drops_old_copies_but_not_those_in_use(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3, 4):
        publish(settings, TABLES, run_id=f"r{number}")
    young = settings.published_dir / "r4"
    for number in (1, 2, 3):
        age = time.time() - room.KEEP_SECONDS - 100 + number
        os.utime(settings.published_dir / f"r{number}" / "manifest.json", (age, age))
    monkeypatch.setattr(room, "KEEP_COPIES", 1)
    with (settings.published_dir / "r2" / "customers.parquet").open("rb"):
        publish(settings, TABLES, run_id="r5")
    assert young.exists()
    assert sorted(path.name for path in settings.published_dir.iterdir()) == ["current", "r2", "r4", "r5"]
