"""Youzan's trades: its envelope, its pages that move, its amounts; and the orders made of them."""

from __future__ import annotations

import copy
import datetime as dt
import json
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from common.canonical import with_exact_ids
from common.lake import Lake, LoadReport
from common.pii import phone_hmac, pii_key
from common.settings import Settings
from common.streams import STREAMS, streams_of
from common.warehouse import connect
from ingestion import youzan_orders
from ingestion.api_errors import ApiError, TransportError
from ingestion.channels.youzan import YouzanApp, youzan_transport
from ingestion.convert import RowError
from ingestion.fetch import FetchSetupError, configured_streams, fetch
from ingestion.paging import PagingError
from ingestion.windows import Window
from ingestion.youzan_orders import check_unit, read_trade
from orchestration.landing import land
from sandbox.credentials import youzan_environment
from sandbox.server import create_app
from sandbox.world import World, WorldOptions, build_world
from sandbox.youzan_trades import make_trades
from tests.ingestion.conftest import rows_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

pytestmark = pytest.mark.usefixtures("no_waiting")
KEY = "miniprogram/youzan_trades"
SECRET = "planted-youzan-secret-8f1"
START = dt.datetime(2025, 1, 8, 4, tzinfo=dt.UTC)
WINDOW = Window(START, START + dt.timedelta(hours=6))
SAMPLE: dict[str, Any] = {
    "order_info": {"tid": "E20250108201530012300011", "status": "WAIT_SELLER_SEND_GOODS", "refund_state": 0,
                   "created": "2025-01-08 20:15:30", "pay_time": "2025-01-08 20:15:51"},
    "buyer_info": {"yz_open_id": "Zx81", "buyer_id": 123456789, "buyer_phone": "13812345678", "fans_id": 987654321},
    "pay_info": {"total_fee": "258.00", "post_fee": "0.00", "payment": "248.00"},
    "orders": [{"oid": "2870001", "item_id": 990011, "sku_id": 880022, "outer_sku_id": "SKU-0091-M",
                "title": "有机棉爬服", "num": 2, "price": "129.00", "total_fee": "248.00", "payment": "248.00"}],
}  # fmt: skip


def trade(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The sample with parts replaced; ``order_info__status`` names a nested one."""
    made = copy.deepcopy(SAMPLE)
    made["order_info"]["tid"] = f"E{number}"
    for name, value in changes.items():
        part, _, field = name.partition("__")
        target = made["orders"][0] if part == "orders" else made[part]
        target[field] = value
    return made


Handler = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def youzan(settings: Settings) -> Settings:
    settings.youzan_client_id, settings.youzan_kdt_id = "client", "42"
    settings.youzan_client_secret = SecretStr(SECRET)
    settings.youzan_page_size = 2
    return settings


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], list[dict[str, Any]]]:
    """Let Youzan be a handler of a request's body; returns the list of what was asked."""
    asked: list[dict[str, Any]] = []

    def serve_(handler: Handler) -> list[dict[str, Any]]:
        def respond(request: httpx.Request) -> httpx.Response:
            body = json.loads(request.content)
            if request.url.path == "/auth/token":
                assert body == {
                    "authorize_type": "silent", "client_id": "client", "client_secret": SECRET, "grant_id": "42"
                }  # fmt: skip
                asked.append({"token": True})
                expires = (dt.datetime.now(dt.UTC).timestamp() + 7 * 86400) * 1000
                return httpx.Response(200, json=data({"access_token": "t", "expires": expires}))
            assert request.url.path == "/api/youzan.trades.sold.get/4.0.4"
            assert request.url.params["access_token"] == "t"
            asked.append(body)
            return httpx.Response(200, json=handler(body))

        def transport(_app: YouzanApp, settings: Settings, **_options: Any) -> Any:
            assert settings.youzan_client_secret is not None
            return youzan_transport(
                "https://youzan.invalid", "client", settings.youzan_client_secret, kdt_id="42",
                calls_per_minute=1_000_000, http_transport=httpx.MockTransport(respond),
            )  # fmt: skip

        monkeypatch.setattr(YouzanApp, "transport", transport)
        return asked

    return serve_


def data(fields: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "success": True, "message": "", "data": fields}


def page(trades: list[dict[str, Any]], body: dict[str, Any], *, total: int | None = None) -> dict[str, Any]:
    start = (body["page_no"] - 1) * body["page_size"]
    shown = trades[start : start + body["page_size"]]
    wrapped = [{"full_order_info": each} for each in shown]
    more = start + body["page_size"] < len(trades)
    total = len(trades) if total is None else total
    return data({"total_results": total, "full_order_info_list": wrapped, "paginator": {"has_next": more}})


def test_trades_land_as_records_in_windows_of_beijing_time(youzan: Settings, lake: Lake, serve: Any) -> None:
    trades = [trade(number) for number in range(5)]
    asked = serve(lambda body: page(trades, body))
    (arrival,) = fetch(youzan, lake, KEY, window=WINDOW)
    rows = rows_of(arrival)
    assert [row["record_key"] for row in rows] == ["E0", "E1", "E2", "E3", "E4"]
    assert json.loads(rows[0]["payload"]) == with_exact_ids(trades[0])
    assert json.loads(rows[0]["phone_hmacs"]) == [phone_hmac("13812345678", pii_key(youzan))]
    assert asked[0] == {"token": True}
    assert [body["page_no"] for body in asked[1:]] == [1, 2, 3]
    assert asked[1] == {
        "start_update": "2025-01-08 12:00:00", "end_update": "2025-01-08 17:59:59", "page_size": 2, "page_no": 1
    }  # fmt: skip
    assert arrival.report.window_end == WINDOW.end.isoformat()


def test_by_creation_the_last_days_are_read_again_in_short_windows(
    youzan: Settings, lake: Lake, serve: Any
) -> None:
    youzan.youzan_window_field, youzan.youzan_reread_days, youzan.youzan_window_hours = "created", 1, 12
    asked = serve(lambda body: page([], body))
    fetch(youzan, lake, KEY, window=WINDOW)
    assert [body["start_created"] for body in asked[1:]] == [
        "2025-01-07 12:00:00", "2025-01-08 00:00:00", "2025-01-08 12:00:00"
    ]  # fmt: skip


def test_a_window_with_too_many_trades_is_halved_until_its_pages_are_given(
    youzan: Settings, lake: Lake, serve: Any
) -> None:
    youzan.youzan_most_results = 3
    trades = {f"2025-01-08 12:{minute:02}:00": trade(minute) for minute in range(20)}

    def handler(body: dict[str, Any]) -> dict[str, Any]:
        return page([t for at, t in trades.items() if body["start_update"] <= at <= body["end_update"]], body)

    serve(handler)
    (arrival,) = fetch(youzan, lake, KEY, window=WINDOW)
    assert sorted(row["record_key"] for row in rows_of(arrival)) == sorted(f"E{n}" for n in range(20))


def test_a_trade_that_leaves_while_paging_hides_no_other(youzan: Settings, lake: Lake, serve: Any) -> None:
    trades = [trade(number) for number in range(6)]

    def handler(body: dict[str, Any]) -> dict[str, Any]:
        answer = page(trades, body)
        if body["page_no"] == 1 and len(trades) == 6:
            del trades[0]
        return answer

    serve(handler)
    (arrival,) = fetch(youzan, lake, KEY, window=WINDOW)
    assert {row["record_key"] for row in rows_of(arrival)} == {f"E{number}" for number in range(6)}


def test_a_window_that_never_adds_up_is_an_error(youzan: Settings, lake: Lake, serve: Any) -> None:
    serve(lambda body: page([trade(1)], body, total=2))
    with pytest.raises(PagingError, match="expected 2 trades in"):
        fetch(youzan, lake, KEY, window=WINDOW)
    assert lake.cursor(STREAMS[KEY]) is None


def test_pages_that_never_end_are_an_error(youzan: Settings, lake: Lake, serve: Any) -> None:
    serve(
        lambda body: data({"total_results": 1, "full_order_info_list": [], "paginator": {"has_next": True}})
    )
    with pytest.raises(PagingError, match="still more after"):
        fetch(youzan, lake, KEY, window=WINDOW)


REFUSALS = [
    ({"gw_err_resp": {"err_code": 5001, "err_msg": "no right", "trace_id": "x"}}, ApiError, "errcode 5001"),
    ({"error_response": {"code": 40009, "msg": "odd"}}, ApiError, "errcode 40009"),
    ({"success": False, "code": 135500001, "message": "店铺过期", "data": None}, ApiError, "店铺过期"),
    ({"code": 200, "success": True}, TransportError, "expected 'data'"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "told"), REFUSALS)
def test_refusals_are_errors_and_no_empty_answer(
    youzan: Settings, lake: Lake, serve: Any, answer: dict[str, Any], kind: type[Exception], told: str
) -> None:
    serve(lambda _body: answer)
    with pytest.raises(kind, match=told) as caught:
        fetch(youzan, lake, KEY, window=WINDOW)
    assert SECRET not in str(caught.getrepr(chain=True))


def test_a_dead_token_is_replaced_once(youzan: Settings, lake: Lake, serve: Any) -> None:
    answers = iter([{"gw_err_resp": {"err_code": 4203, "err_msg": "invalid token"}}])
    asked = serve(lambda body: next(answers, page([trade(1)], body)))
    (arrival,) = fetch(youzan, lake, KEY, window=WINDOW)
    assert arrival.report.rows == 1
    # The same token came again, so another one was asked for.
    assert sum("token" in body for body in asked) >= 2


def test_the_shop_s_number_is_needed(youzan: Settings, lake: Lake) -> None:
    assert KEY in configured_streams(youzan)
    youzan.youzan_kdt_id = None
    assert KEY not in configured_streams(youzan)
    with pytest.raises(FetchSetupError, match="SIYU_YOUZAN_KDT_ID"):
        fetch(youzan, lake, KEY, window=WINDOW)


# -- orders ----------------------------------------------------------------------------------------------------

PII_KEY = b"k" * 32


def read(unit: str = "yuan", **changes: Any) -> Any:
    return read_trade(json.loads(json.dumps(trade(**changes)), parse_float=Decimal), unit, PII_KEY)


def test_a_trade_becomes_an_order_and_lines() -> None:
    found = read()
    assert found.order == {
        "order_id": "E1", "buyer_id": "Zx81", "paid_at": dt.datetime(2025, 1, 8, 12, 15, 51), "amount_fen": 24800,
        "refunded_fen": 0, "item_count": 2, "status": "paid", "phone": "13812345678",
        "phone_hmac": phone_hmac("13812345678", PII_KEY),
    }  # fmt: skip
    assert found.lines == [
        {"order_id": "E1", "line_no": 1, "sku_id": "SKU-0091-M", "product_name": "有机棉爬服", "quantity": 2,
         "amount_fen": 24800}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status", "refunded"),
    [
        ({"order_info__status": "TRADE_SUCCESS"}, "completed", 0),
        ({"order_info__status": "TRADE_CLOSED", "order_info__refund_state": 12}, "refunded", 24800),
        ({"order_info__status": "TRADE_SUCCESS", "order_info__refund_state": 2}, "completed", None),
        ({"order_info__status": "TRADE_SUCCESS", "order_info__refund_state": 1}, "completed", 0),
        ({"order_info__status": "TRADE_NEW"}, "TRADE_NEW", 0),
    ],
)
def test_status_and_refunds(changes: dict[str, Any], status: str, refunded: int | None) -> None:
    order = read(**changes).order
    assert (order["status"], order["refunded_fen"]) == (status, refunded)


def test_a_part_refund_counts_where_the_trade_tells_it() -> None:
    part = trade(order_info__refund_state=2) | {
        "refund_order": [{"refund_fee": "10.50"}, {"refund_fee": "1.00"}]
    }
    assert read_trade(part, "yuan", PII_KEY).order["refunded_fen"] == 1150


@pytest.mark.parametrize(
    ("buyer", "expected"),
    [
        ({"yz_open_id": "", "buyer_id": 7, "fans_id": 7}, "buyer_id:7"),
        ({"yz_open_id": None, "buyer_id": 0, "fans_id": 7}, "fans_id:7"),
    ],
)
def test_numbers_of_different_kinds_never_meet(buyer: dict[str, Any], expected: str) -> None:
    order = read(**{f"buyer_info__{name}": value for name, value in buyer.items()}).order
    assert order["buyer_id"] == expected


AMOUNTS = [
    ("yuan", "248.00", 24800), ("yuan", 248.5, 24850), ("yuan_or_whole", 248, 24800), ("yuan_or_whole", "9900", 990000),
    ("fen", 9900, 9900), ("fen", "9900", 9900),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "value", "fen"), AMOUNTS)
def test_amounts_in_the_configured_unit(unit: str, value: Any, fen: int) -> None:
    fields = {
        name: value
        for name in ("pay_info__payment", "pay_info__total_fee", "orders__payment", "orders__price")
    }
    whole = read(unit, **fields, orders__total_fee=value, pay_info__post_fee=0)
    assert (whole.order["amount_fen"], whole.lines[0]["amount_fen"]) == (fen, fen)


IMPOSSIBLE = [
    ("fen", {}, "expected fen without decimals, got 248.00"),
    ("yuan", {"pay_info__payment": 9900, "pay_info__total_fee": 9900, "pay_info__post_fee": 0, "orders__payment": 9900,
              "orders__price": 9900, "orders__total_fee": 9900}, "which may be fen"),
    ("yuan", {"pay_info__payment": "248.005"}, "at most 2 decimals"),
    ("yuan", {"pay_info__payment": "-1.00"}, "expected 0 to 100 million"),
    ("yuan", {"pay_info__payment": "200000000.00"}, "expected 0 to 100 million"),
    ("yuan", {"pay_info__payment": "2.48"}, "one of them is in another unit"),
    ("yuan", {"pay_info__payment": None}, "pay_info.payment"),
    ("yuan", {"buyer_info__yz_open_id": "", "buyer_info__buyer_id": 0, "buyer_info__fans_id": 0}, "expected yz_open"),
    ("yuan", {"orders__num": "two"}, "orders.num: expected a whole number"),
    ("yuan", {"order_info__pay_time": "yesterday"}, "expected a date"),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "changes", "told"), IMPOSSIBLE)
def test_what_cannot_be_is_refused(unit: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RowError, match=told):
        read(unit, **changes)


def test_a_free_trade_is_no_question_of_units() -> None:
    check_unit("yuan", {"payment": 0, "total_fee": "0"}, [{"payment": 0}])


def admit_trades(lake: Lake, *trades: dict[str, Any]) -> None:
    lake.ensure()
    rows = [
        {
            "record_key": t["order_info"]["tid"],
            "op": "upsert",
            "payload": json.dumps(t),
            "payload_hash": json.dumps(t),
        }
        for t in trades
    ]
    lake.admit(lake.arrive_rows(STREAMS[KEY], rows, LoadReport(KEY, "test", len(rows))))


def make_orders(settings: Settings, lake: Lake) -> dict[str, LoadReport]:
    arrivals = youzan_orders.arrive(settings, lake)
    return {arrival.stream.key: lake.admit(arrival) for arrival in reversed(arrivals)}


def test_new_trades_become_orders_once_and_changed_ones_again(youzan: Settings, lake: Lake) -> None:
    admit_trades(lake, trade(1), trade(2, order_info__pay_time=""), trade(3, orders__num="x"))
    reports = make_orders(youzan, lake)
    orders = reports["miniprogram/orders"]
    assert (orders.rows, orders.changed, orders.quarantined, orders.skipped) == (3, 1, 1, 1)
    assert reports["miniprogram/order_lines"].changed == 1
    assert reports["quarantine/rows"].changed == 1
    assert make_orders(youzan, lake) == {}
    admit_trades(lake, trade(1, order_info__status="TRADE_SUCCESS"), trade(2))
    again = make_orders(youzan, lake)
    assert again["miniprogram/orders"].changed == 2
    assert again["miniprogram/order_lines"].changed == 1  # the first trade's lines are as they were


def test_a_wrong_unit_is_mended_by_the_setting(youzan: Settings, lake: Lake) -> None:
    youzan.youzan_amount_unit = "fen"
    admit_trades(lake, trade(1))
    assert set(make_orders(youzan, lake)) == {"quarantine/rows"}
    assert make_orders(youzan, lake) == {}
    youzan.youzan_amount_unit = "yuan"
    assert make_orders(youzan, lake)["miniprogram/orders"].changed == 1


# -- the sandbox's shop, through the whole landing --------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldOptions(seed=7, buyers=120, extra_people=80, shop_orders=0))


@pytest.fixture
def sandbox(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Iterator[TestClient]:
    for name, value in youzan_environment("http://testserver").items():
        field = name.removeprefix("SIYU_").lower()
        setattr(settings, field, SecretStr(value) if field.endswith("secret") else value)
    settings.wecom_corp_id = settings.shop_app_id = settings.finder_app_id = None
    app = create_app(world, state_dir=tmp_path / "state")
    with TestClient(app) as client:

        def respond(request: httpx.Request) -> httpx.Response:
            answer = client.request(request.method, str(request.url), content=request.content)
            return httpx.Response(answer.status_code, content=answer.content)

        real = YouzanApp.transport
        monkeypatch.setattr(
            YouzanApp,
            "transport",
            lambda app, settings, **options: real(app, settings, http_transport=httpx.MockTransport(respond)),
        )
        yield client
    app.state.desk.state.close()


def land_days(settings: Settings, lake: Lake, *days: dt.date) -> None:
    for day in days:
        results = land(settings, lake, streams_of("miniprogram"), day)
        assert [r.error for r in results if r.error] == []
        assert [r.held_reasons for r in results if r.held_reasons] == []


def test_the_sandbox_s_trades_land_as_they_are_true(
    sandbox: TestClient, settings: Settings, lake: Lake, world: World
) -> None:
    settings.youzan_window_hours, settings.youzan_most_results = 24 * 30, 40
    middle, last = dt.date(2017, 6, 30), dt.date(2017, 12, 31)
    sandbox.post("/sandbox/day", json={"day": middle.isoformat()})
    land_days(settings, lake, middle)
    sandbox.post("/sandbox/day", json={"day": None})
    sandbox.post("/sandbox/forget_tokens")
    land_days(settings, lake, last, last)
    trades = make_trades(world)
    until = sandbox.app.state.desk.view.until  # type: ignore[attr-defined]
    with connect() as db:
        versions = f"""
            select * from read_parquet('{lake.glob(STREAMS["miniprogram/orders"])}', hive_partitioning = true)
            qualify row_number() over (partition by order_id order by load_id desc) = 1"""
        found = db.execute(
            f"select order_id, amount_fen, status, refunded_fen from ({versions}) order by 1"
        ).fetchall()
        (keys,) = db.execute(f"select count(distinct record_key) from '{lake.glob(STREAMS[KEY])}'").fetchall()
    words = {
        "WAIT_SELLER_SEND_GOODS": "paid",
        "WAIT_BUYER_CONFIRM_GOODS": "paid",
        "TRADE_SUCCESS": "completed",
    }
    expected = []
    for each in trades:
        steps = each.reached(until)
        if any(step[1] == "WAIT_SELLER_SEND_GOODS" for step in steps):
            refunded = {0: 0, 2: None, 12: each.paid_fen}[steps[-1][2]]
            status = "refunded" if steps[-1][2] == 12 else words[steps[-1][1]]
            expected.append((each.tid, each.paid_fen, status, refunded))
    assert found == sorted(expected)
    assert keys[0] == len(trades)
    assert len(lake.loads(STREAMS["miniprogram/orders"])) == 2  # the third landing brought no news


def test_the_sandbox_refuses_in_the_gateway_s_manner(sandbox: TestClient) -> None:
    path = "/api/youzan.trades.sold.get/4.0.4"
    assert sandbox.post(path, json={}).json()["gw_err_resp"]["err_code"] == 4203
    wrong = {
        "authorize_type": "silent",
        "grant_id": "5090001",
        "client_id": "sandbox-youzan-client",
        "client_secret": "x",
    }
    assert "gw_err_resp" in sandbox.post("/auth/token", json=wrong).json()
    right = wrong | {"client_secret": "sandbox-youzan-secret"}
    token = sandbox.post("/auth/token", json=right).json()["data"]["access_token"]
    for body in (
        {"page_no": 51, "page_size": 100},
        {"start_update": "x", "end_update": "y"},
        {"page_size": 101},
    ):
        answer = sandbox.post(path, params={"access_token": token}, json=body).json()
        assert answer["gw_err_resp"]["err_code"] == 5001
