"""`siyu why identity`: the weakest edge first, what comes apart without it, what was refused; phones cut short."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.clock import UTC
from common.lake import LoadReport
from common.settings import PROJECT_ROOT, Settings
from common.streams import STREAMS
from common.warehouse import WarehouseBusyError, connect
from orchestration.why_identity import Explained, UnknownCustomerError, customer_id_of, explain
from tests.exactness.dbt_home import DbtHome

START = dt.datetime(2026, 6, 1, tzinfo=UTC)
ANNA, BEA, CLEO = (f"o6_bmjrPTlm6_2sgVt7hMZOPfL{n}" for n in "abc")
PHONE, TABLET = "ab" * 32, "cd" * 32


def load(home: DbtHome, stream: str, hour: int, *rows: dict[str, Any]) -> None:
    table = STREAMS[stream]
    common = {
        "buyer_source": "shop",
        "paid_at": dt.datetime(2026, 5, 3, 3),
        "amount_fen": 100,
        "status": "completed",
    }
    full = [
        {
            name: ({**common, "source": "test", "source_line": n} | row).get(name)
            for name in table.columns.names
        }
        for n, row in enumerate(rows)
    ]
    arrival = home.lake.arrive_rows(table, full, LoadReport(stream, "test", len(rows)))
    home.lake.admit(arrival, at=START + dt.timedelta(hours=hour))


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    """Anna: buyer a and openid x by two kinds of records, a phone by the register alone, a store's tablet."""
    anna = {"buyer_id": "a", "unionid": ANNA}
    load(
        home,
        "miniprogram/orders",
        0,
        {"order_id": "1", **anna},
        {"order_id": "2", **anna},
        *({"order_id": f"t{n}", "buyer_id": f"t{n}", "phone_hmac": TABLET} for n in range(7)),
        {"order_id": "t9", **anna, "phone_hmac": TABLET},
    )
    load(home, "miniprogram/members", 1, {**anna, "phone_hmac": PHONE, "app_id": "wx1", "openid": "x"})
    load(home, "miniprogram/orders", 2, {"order_id": "3", "buyer_id": "a", "app_id": "wx1", "openid": "x"})
    load(home, "miniprogram/orders", 3, {"order_id": "4", "buyer_id": "b2", "unionid": ANNA})
    # Two unionids in the records of one buyer: a limit refuses the weaker edge.
    load(home, "miniprogram/members", 4, {"buyer_id": "c", "unionid": BEA})
    load(home, "miniprogram/orders", 5, {"order_id": "5", "buyer_id": "c", "unionid": CLEO})
    # Two customers on one day; on a later day an order shows that they are one.
    load(
        home,
        "miniprogram/orders",
        48,
        {"order_id": "6", "buyer_id": "dora"},
        {"order_id": "7", "app_id": "wx1", "openid": "dora"},
    )
    load(
        home,
        "miniprogram/orders",
        96,
        {"order_id": "8", "buyer_id": "dora", "app_id": "wx1", "openid": "dora"},
    )
    home.run("2026-06-30")
    return home


@pytest.fixture(scope="module")
def settings(home: DbtHome) -> Settings:
    return Settings(_env_file=None, home=home.home)


@pytest.fixture(scope="module")
def anna(settings: Settings) -> Explained:
    return explain(settings, f"unionid:{ANNA}")


def test_customer__is_found_by_every_name(settings: Settings, anna: Explained, home: DbtHome) -> None:
    key = "buyer_id:shop:a"
    known = home.query(
        f"select customer_id, customer_no from marts.bridge_customer_identities where identifier_key = '{key}'"
    )
    assert known == [(anna.customer_id, anna.customer_no)]
    assert anna.customer_id == customer_id_of(anna.identifiers[0].identifier_key)
    for name in (anna.customer_id, str(anna.customer_no), key, f"phone_hmac:{PHONE}"):
        assert explain(settings, name) == anna
    newest = anna.identifiers[-1]
    assert explain(settings, str(newest.identifier_no)) == anna, "also by the number of a later identifier"


def test_identifiers__are_hers_in_the_order_of_loading(anna: Explained) -> None:
    assert {each.identifier_key for each in anna.identifiers} == {
        "buyer_id:shop:a", "buyer_id:shop:b2", f"unionid:{ANNA}", "openid:wx1:x", f"phone_hmac:{PHONE}",
    }  # fmt: skip
    loaded = [each.first_loaded_at for each in anna.identifiers]
    assert loaded == sorted(loaded)
    assert loaded[0] == START


def test_edges__come_weakest_first(anna: Explained) -> None:
    """Order beats nothing but itself: least trusted source, then fewest records, then newest."""
    weakness = [
        (-each.source_rank, each.record_count, -each.first_loaded_at.timestamp()) for each in anna.edges
    ]
    assert weakness == sorted(weakness)
    weakest = anna.edges[0]
    assert {weakest.hub_key, weakest.identifier_key} == {f"unionid:{ANNA}", "buyer_id:shop:b2"}
    assert (weakest.sources, weakest.record_count) == (("order",), 1)
    assert weakest.first_loaded_at == weakest.last_loaded_at == START + dt.timedelta(hours=3)


def test_edge__counts_its_records_and_sources(anna: Explained) -> None:
    (edge,) = [each for each in anna.edges if "buyer_id:shop:a" in (each.hub_key, each.identifier_key)
               and f"unionid:{ANNA}" in (each.hub_key, each.identifier_key)]  # fmt: skip
    assert edge.sources == ("member", "order")
    assert edge.record_count == 4, "three orders and the register"
    assert (edge.first_loaded_at, edge.last_loaded_at) == (START, START + dt.timedelta(hours=1))


def test_bridges__say_what_comes_apart(anna: Explained) -> None:
    apart = {edge.apart_keys: edge.apart_customer_id for edge in anna.edges if edge.apart_count}
    assert apart == {
        ("buyer_id:shop:b2",): customer_id_of("buyer_id:shop:b2"),
        (f"phone_hmac:{PHONE}",): customer_id_of(f"phone_hmac:{PHONE}"),
    }
    assert anna.bridge_count == 2
    assert anna.edge_count == 5
    held = [edge for edge in anna.edges if not edge.apart_count]
    assert {frozenset((edge.hub_key, edge.identifier_key)) for edge in held} == {
        frozenset(("buyer_id:shop:a", f"unionid:{ANNA}")),
        frozenset(("openid:wx1:x", f"unionid:{ANNA}")),
        frozenset(("buyer_id:shop:a", "openid:wx1:x")),
    }


def test_stopped_value__is_told_with_her_records(anna: Explained) -> None:
    (tablet,) = anna.stopped
    assert tablet.identifier_key == f"phone_hmac:{TABLET}"
    assert tablet.record_count == 1
    assert "beside more than 5" in tablet.reason


def test_refused_edge__is_told_from_both_sides(settings: Settings) -> None:
    bea, cleo = (explain(settings, f"unionid:{each}") for each in (BEA, CLEO))
    assert bea.customer_id != cleo.customer_id
    (from_bea,), (from_cleo,) = bea.refused, cleo.refused
    assert {from_bea.identifier_key, from_bea.other_identifier_key} == {"buyer_id:shop:c", f"unionid:{CLEO}"}
    assert (from_bea.other_customer_id, from_cleo.other_customer_id) == (cleo.customer_id, bea.customer_id)
    assert (from_cleo.identifier_key, from_cleo.other_identifier_key) == (
        from_bea.other_identifier_key,
        from_bea.identifier_key,
    )
    assert from_bea.source_code == "order"


def test_merge__is_told_and_the_former_id_still_finds_her(settings: Settings, anna: Explained) -> None:
    dora = explain(settings, "buyer_id:shop:dora")
    (merge,) = dora.moved
    assert (merge.moved_date, merge.move_kind) == (dt.date(2026, 6, 5), "merge")
    assert (merge.to_customer_id, merge.identifier_count) == (dora.customer_id, 1)
    assert merge.from_customer_id == customer_id_of(merge.identifier_keys[0]) != dora.customer_id
    assert explain(settings, merge.from_customer_id) == dora
    assert not anna.moved, "what happened in one day's loads is no move"


def test_only_so_many__are_worked_out(settings: Settings, anna: Explained) -> None:
    first = explain(settings, anna.customer_id, most=1)
    assert (first.edges, first.edge_count, first.bridge_count) == (anna.edges[:1], 5, 2)


@pytest.mark.parametrize("name", ["c" + "0" * 20, "999999999", "unionid:nobody", "nonsense", "", "9" * 30])
def test_unknown_name__is_refused_in_words(settings: Settings, name: str) -> None:
    with pytest.raises(UnknownCustomerError, match=r"expected a customer_id|nobody goes by"):
        explain(settings, name)


def test_command__shows_her_and_cuts_phones(
    home: DbtHome, anna: Explained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIYU_HOME", str(home.home))
    shown = siyu("why", "identity", anna.customer_id, "--most", "3")
    assert shown.returncode == 0, shown.stderr
    for said in (
        anna.customer_id,
        "weakest first, 3 of 5",
        "buyer_id:shop:b2",
        "order (订单)",
        "断开后",
        "不参与合并",
    ):
        assert said in shown.stdout
    assert customer_id_of("buyer_id:shop:b2") in shown.stdout
    assert TABLET not in shown.stdout
    assert f"phone_hmac:{TABLET[:8]}…" in shown.stdout
    refused = siyu("why", "identity", f"unionid:{BEA}")
    assert "被拒关联" in refused.stdout
    merged = siyu("why", "identity", "buyer_id:shop:dora")
    assert "2026-06-05 merge (合并)" in merged.stdout
    unknown = siyu("why", "identity", "unionid:nobody")
    assert unknown.returncode == 2
    assert "nobody goes by" in unknown.stderr


def siyu(*args: str) -> subprocess.CompletedProcess[str]:
    code = "from orchestration.cli import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )


def test_while_a_run_writes__it_says_to_wait(settings: Settings) -> None:
    """Another process writes the file: DuckDB shuts readers out, and the message says to wait."""
    code = (
        f"import duckdb, sys; db = duckdb.connect({str(settings.warehouse_path)!r}); print('open', flush=True); "
        "sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "open"
        with pytest.raises(WarehouseBusyError, match="ask again"):
            explain(settings, "1")
    finally:
        writer.communicate("")


def test_without_a_warehouse__the_next_step_is_said(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    with pytest.raises(FileNotFoundError, match="siyu run"):
        explain(settings, "1")
    with connect(settings.warehouse_path):
        pass
    with pytest.raises(UnknownCustomerError, match="siyu run"):
        explain(settings, "1")
