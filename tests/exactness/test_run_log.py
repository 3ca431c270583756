"""What a run may build on: replays of an old day, partial runs, changed rules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from common.clock import UTC
from common.lake import Lake, LoadReport, load_id_of
from common.streams import STREAMS
from tests.exactness.dbt_home import DbtHome, differing_rows

FIRST, SECOND = dt.datetime(2026, 6, 1, tzinfo=UTC), dt.datetime(2026, 6, 2, tzinfo=UTC)


def load_order(
    lake: Lake, order_id: str, buyer: str, day: int, at: dt.datetime, *, unionid: str | None = None
) -> None:
    """Admit one order of 100 yuan on 2026-05-``day``."""
    stream = STREAMS["miniprogram/orders"]
    row = dict.fromkeys(stream.columns.names) | {
        "order_id": order_id, "buyer_id": buyer, "buyer_source": "test", "paid_at": dt.datetime(2026, 5, day, 3),
        "amount_fen": 10_000, "status": "completed", "unionid": unionid, "source": "test", "source_line": 1,
    }  # fmt: skip
    lake.admit(lake.arrive_rows(stream, [row], LoadReport(stream=stream.key, source="test", rows=1)), at=at)


def is_rebuild(home: DbtHome) -> bool:
    return home.query("select is_rebuild from meta.run_log order by run_no desc limit 1")[0][0]


def test_replay__gives_the_old_answer(home: DbtHome) -> None:
    """Later a late order and a merging unionid arrive; the old day with its old known_at does not see them."""
    home.clear()
    load_order(home.lake, "1", "a", 3, FIRST, unionid="u")
    load_order(home.lake, "2", "b", 4, FIRST + dt.timedelta(microseconds=1))
    home.run("2026-05-31")
    then = home.put_warehouse_aside("then")
    load_order(home.lake, "3", "a", 5, SECOND, unionid="u")
    load_order(home.lake, "2", "b", 4, SECOND + dt.timedelta(microseconds=1), unionid="u")
    home.run("2026-06-01")
    assert home.query("select count(distinct customer_id) from marts.fct_orders") == [(1,)], (
        "nothing to forget"
    )
    home.run("2026-05-31", known_at=load_id_of(FIRST + dt.timedelta(hours=1)))
    assert is_rebuild(home), "going back in time must start from nothing"
    assert not any(differing_rows(then, home.warehouse).values())


def test_late_record__never_renames_a_customer(home: DbtHome) -> None:
    """A merge keeps the older id; taking the edge back gives each part the id it had."""
    home.clear()
    load_order(home.lake, "1", "b", 3, FIRST)
    load_order(home.lake, "2", "a", 1, FIRST + dt.timedelta(microseconds=1), unionid="u")
    home.run("2026-05-31")
    owners = "select order_id, customer_id from marts.fct_orders order by order_id"
    (_, older), (_, newer) = before = home.query(owners)
    load_order(home.lake, "1", "b", 3, SECOND, unionid="u")
    home.run("2026-06-01")
    assert home.query(owners) == [("1", older), ("2", older)]
    load_order(home.lake, "1", "b", 3, SECOND + dt.timedelta(days=1))
    home.run("2026-06-02")
    assert not is_rebuild(home)
    assert home.query(owners) == before
    assert older != newer


def test_partial_run__is_no_base_to_build_on(home: DbtHome) -> None:
    home.clear()
    load_order(home.lake, "1", "a", 3, FIRST)
    home.run("2026-05-31")
    load_order(home.lake, "2", "a", 4, SECOND)
    home.run("2026-05-31", select="stg_miniprogram__orders")
    home.run("2026-05-31")
    assert is_rebuild(home)
    assert home.query("select order_count from marts.dim_customers") == [(2,)]
    home.run("2026-05-31")
    assert not is_rebuild(home)


def test_empty_lake__is_a_clear_error(home: DbtHome) -> None:
    home.clear()
    result = home.invoke(["run"])
    assert not result.success
    words = f"{result.exception} {[each.message for each in result.result or []]}"
    assert "is empty" in words, words


def test_warehouse__can_be_deleted(home: DbtHome) -> None:
    """The warehouse is disposable: built again from the lake it is the same."""
    home.clear()
    load_order(home.lake, "1", "a", 3, FIRST)
    home.run("2026-05-31")
    kept: Path = home.put_warehouse_aside("kept")
    home.run("2026-05-31")
    assert not any(differing_rows(kept, home.warehouse).values())


def test_memory__is_limited_when_asked(home: DbtHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes it, or says before the first model why it cannot."""
    home.clear()
    load_order(home.lake, "m1", "b1", 3, FIRST)
    monkeypatch.setenv("SIYU_WAREHOUSE_MEMORY", "plenty")
    with pytest.raises(AssertionError, match="Memory must"):
        home.run("2026-05-31")
    monkeypatch.setenv("SIYU_WAREHOUSE_MEMORY", "3GiB")
    home.run("2026-05-31")
