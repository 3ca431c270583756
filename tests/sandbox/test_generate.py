"""The generated lake: the same again from the same seed, what the slow way of admitting would give, and believable."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from common.lake import Lake, LakeError, LoadReport
from common.streams import STREAMS
from ingestion.records import record_key
from sandbox.generate.added import AddedDay, add_day
from sandbox.generate.plan import BASE_DAY, Flow, Mix, Plan, parts_of
from sandbox.generate.writer import Writer

PLAN = Plan(customers=3000, days=8, history=40, last_day=dt.date(2026, 10, 31))
FILLED = [
    "wecom/staff", "wecom/contacts", "wecom/groups", "video_account/lives", "video_account/shop_orders",
    "video_account/aftersales", "miniprogram/orders", "miniprogram/order_lines", "miniprogram/coupon_uses",
    "miniprogram/points_changes", "miniprogram/members",
]  # fmt: skip


def write(folder: Path, plan: Plan = PLAN) -> Lake:
    lake = Lake(folder / "lake")
    Writer(lake, plan, lambda text: None).write_days()
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return write(tmp_path_factory.mktemp("generated"))


def rows(lake: Lake, key: str) -> duckdb.DuckDBPyRelation:
    """The stream's rows of all loads."""
    return duckdb.read_parquet(lake.glob(STREAMS[key]), hive_partitioning=True)


def ask(lake: Lake, sql: str) -> list[tuple]:
    """Return the rows of a query over the streams, each named like its stream."""
    with duckdb.connect() as db:
        for key in FILLED:
            db.from_parquet(lake.glob(STREAMS[key]), hive_partitioning=True).create_view(key.split("/")[1])
        return db.execute(sql).fetchall()


def loads(lake: Lake) -> dict[str, list[tuple]]:
    return {
        key: [(each.load_id, each.changed, each.deleted) for each in lake.loads(STREAMS[key])]
        for key in FILLED
    }


def test_generate__is_the_same_again_and_other_with_another_seed(lake: Lake, tmp_path: Path) -> None:
    again = write(tmp_path / "again")
    assert loads(again) == loads(lake)
    for key in FILLED:
        assert rows(lake, key).except_(rows(again, key)).count("*").fetchone() == (0,), key
    other = write(tmp_path / "other", Plan(3000, 8, 40, seed=1))
    assert rows(lake, "miniprogram/orders").except_(rows(other, "miniprogram/orders")).count(
        "*"
    ).fetchone() != (0,)


@pytest.mark.parametrize("key", [key for key in FILLED if STREAMS[key].holds_records])
def test_generated_records__are_what_an_api_reader_would_write(lake: Lake, key: str) -> None:
    found = rows(lake, key).project("record_key, op, payload, payload_hash, phone_hmacs").fetchall()
    assert found
    for record, op, payload, digest, hmacs in found:
        if op == "delete":
            assert (key, payload) == ("wecom/contacts", None)
            continue
        content = json.loads(payload)
        assert (record, digest) == (record_key(key, content), hashlib.sha256(payload.encode()).hexdigest())
        assert hmacs is None or len(json.loads(hmacs)) == len(content["follow_info"]["remark_mobiles"])


@pytest.mark.parametrize("key", [key for key in FILLED if STREAMS[key].holds_records])
def test_loads__are_what_change_detection_would_admit(lake: Lake, tmp_path: Path, key: str) -> None:
    """Each load goes once more through the slow way, as a full scan where the stream is one."""
    stream, slow = STREAMS[key], Lake(tmp_path / "lake")
    slow.ensure()
    for load in lake.loads(stream):
        part = lake.glob(stream).replace("load_id=*", f"load_id={load.load_id}")
        names = ", ".join(stream.columns.names)
        changes = duckdb.read_parquet(part).project(names)
        if stream.complete:
            changes = changes.query("changes", f"""
                select {names} from changes where op = 'upsert'
                union all
                select {names} from (
                    from read_parquet('{slow.glob(stream)}', hive_partitioning = true) where record_key is not null
                    qualify row_number() over (partition by record_key order by load_id desc) = 1
                ) where op = 'upsert' and record_key not in (select record_key from changes)
            """)  # fmt: skip
        table = changes.to_arrow_table()
        report = LoadReport(stream=key, source="generated", rows=table.num_rows)
        admitted = slow.admit(slow.arrive_table(stream, table, report))
        assert (admitted.changed, admitted.deleted) == (load.changed, load.deleted)


def test_generated_lake__has_late_corrected_and_refunded_records(lake: Lake) -> None:
    orders = rows(lake, "miniprogram/orders")
    day = "cast(paid_at + interval 8 hour as date)"
    assert orders.filter(f"strptime(left(load_id, 8), '%Y%m%d')::date > {day} + 1").fetchone()
    assert orders.filter("status = 'refunded' and refunded_fen > 0").fetchone()
    assert ask(lake, "select 1 from orders group by order_id having count(*) > 1")
    unequal = """
        select * from (select order_id, any_value(amount_fen) as fen from orders group by order_id) as orders
        join (select order_id, sum(amount_fen) as fen from order_lines group by order_id) as lines using (order_id)
        where lines.fen <> orders.fen
    """
    assert not ask(lake, unequal), "the lines of an order add up to it"
    assert ask(
        lake, "select 1 from members group by phone having count(distinct buyer_id) > 1 and phone is not null"
    )
    late = "select 1 from members group by buyer_id having count(unionid) between 1 and count(*) - 1"
    assert ask(lake, late), "unionids arrive late"
    assert sum(each.deleted for each in lake.loads(STREAMS["wecom/contacts"])) > 0


def test_orders__are_skewed(lake: Lake) -> None:
    counts = [
        count for (count,) in ask(lake, "select count(*) from orders group by buyer_id order by 1 desc")
    ]
    top = sum(counts[: PLAN.customers // 5]) / sum(counts)
    assert 0.5 < top < 0.75


def test_generate__refuses_a_lake_that_is_not_empty(lake: Lake) -> None:
    with pytest.raises(LakeError, match="expected an empty lake"):
        Writer(lake, PLAN, lambda text: None).write_days()


def test_added_day__changes_the_asked_share(tmp_path: Path) -> None:
    lake = write(tmp_path, Plan(customers=2000, history=30))
    for _ in range(2):
        add_day(lake, AddedDay(share=0.02, moved=0.01, newcomers=0.005), lambda text: None)
    bought = """
        select count(*), count(distinct buyer_id) from orders where length(order_id) > 13 group by load_id
    """
    assert ask(lake, bought) == [(50, 50), (50, 50)]
    members = lake.loads(STREAMS["miniprogram/members"])
    assert [each.changed for each in members[1:]] == pytest.approx([16, 8, 16, 8], abs=7)
    with pytest.raises(FileNotFoundError, match="only a generated lake"):
        add_day(Lake(tmp_path / "other"), AddedDay(), lambda text: None)


def test_plan__refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="customers: expected at least 1, got 0"):
        Plan(customers=0)
    with pytest.raises(ValueError, match="share: expected a share from 0 to 1"):
        AddedDay(share=2)


def test_plan__survives_its_file(tmp_path: Path) -> None:
    plan = Plan(10, mix=Mix(orders=2.5), added=(3,))
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_flow__gives_every_number_to_one_day() -> None:
    flow = Flow(1_000_003, [1.0, 0.5, 4.0], base=500_000)
    numbers = [piece for day in range(BASE_DAY, 3) for piece in flow.of_days(day, day)]
    assert numbers == flow.of_days(BASE_DAY, 2) == flow.of_numbers(0, 1_000_003)
    assert sum(high - low for _, low, high in numbers) == 1_000_003
    cut = [piece for part in parts_of(numbers, 300_000) for piece in part]
    assert sum(high - low for _, low, high in cut) == 1_000_003
    assert all(before[2] == after[1] for before, after in pairwise(cut))
