"""Each fault as a client sees it: by name, seeded, bounded, switched at run time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from common.clock import utc_now
from sandbox.credentials import SANDBOX_CORP_ID, SANDBOX_CORP_SECRET
from sandbox.faults import FAULTS, FaultPlan, Faults, UnknownFaultError, plan_of
from tests.sandbox.test_sandbox_wecom import BASE, Call, first_pair, scan

STAFF = BASE + "get_follow_user_list"
BATCH = BASE + "batch/get_by_user"


@pytest.fixture
def switch(http: Any) -> Callable[..., dict[str, Any]]:
    """switch(names, **numbers) -> the plan now in force."""

    def switch_(*names: str, **numbers: Any) -> dict[str, Any]:
        answer = http.post(
            "/sandbox/faults", json={"names": list(names), "rate": 1.0, "slow_seconds": 0, **numbers}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return switch_


@pytest.fixture
def token(http: Any) -> str:
    query = {"corpid": SANDBOX_CORP_ID, "corpsecret": SANDBOX_CORP_SECRET}
    return str(http.get("/cgi-bin/gettoken", params=query).json()["access_token"])


@pytest.fixture
def staff(wecom: Call) -> list[str]:
    return list(wecom("GET", STAFF)["follow_user"])


@pytest.mark.parametrize(
    ("name", "code"), [("concurrency_45033", 45033), ("quota_45009", 45009), ("busy_minus1", -1)]
)
def test_refusals_come_twice_in_a_row_and_then_a_good_answer(
    name: str, code: int, wecom: Call, switch: Callable[..., Any]
) -> None:
    switch(name)
    assert [wecom("GET", STAFF)["errcode"] for _ in range(7)] == [code, code, 0, code, code, 0, code]
    switch(name, most_in_a_row=1)
    assert [wecom("GET", STAFF)["errcode"] for _ in range(3)] == [code, 0, code]


def test_http_errors_and_html(http: Any, token: str, switch: Callable[..., Any]) -> None:
    switch("http_5xx")
    assert http.get(STAFF, params={"access_token": token}).status_code in (500, 502, 503, 504)
    switch("html_instead_of_json")
    answer = http.get(STAFF, params={"access_token": token})
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")


def test_a_token_dies_in_mid_use_and_only_that_one(
    wecom: Call, shop: Call, switch: Callable[..., Any]
) -> None:
    switch("token_death")
    codes = [wecom("GET", STAFF)["errcode"] for _ in range(40)]
    assert codes[:30] == [0] * 30, "a token does not die at birth"
    assert codes[30:] == [40014] * 10
    body = {"begin_create_time": 1, "end_create_time": 2}
    assert shop("POST", "/channels/ec/aftersale/getaftersalelist", **body)["errcode"] == 0


def test_a_staff_list_with_one_who_has_no_contacts(
    wecom: Call, staff: list[str], switch: Callable[..., Any]
) -> None:
    assert wecom("POST", BATCH, userid_list=staff)["errcode"] == 0
    switch("no_relation_84061")
    assert [wecom("POST", BATCH, userid_list=staff)["errcode"] for _ in range(5)] == [84061] * 5
    assert wecom("POST", BATCH, userid_list=["liwei"])["errcode"] == 0


def test_an_empty_page_leads_on_to_the_page_itself(
    wecom: Call, staff: list[str], switch: Callable[..., Any]
) -> None:
    first = wecom("POST", BATCH, userid_list=staff, limit=50)
    switch("empty_page_has_more")
    sizes, cursor = [], ""
    for _ in range(3):
        page = wecom("POST", BATCH, userid_list=staff, limit=50, cursor=cursor)
        sizes.append(len(page["external_contact_list"]))
        cursor = page["next_cursor"]
        assert cursor
    assert sizes == [0, 0, 50]
    assert (page["external_contact_list"], cursor) == (first["external_contact_list"], first["next_cursor"])


def test_a_repeated_cursor_is_never_the_first_page_and_heals(
    wecom: Call, staff: list[str], switch: Callable[..., Any]
) -> None:
    switch("repeated_cursor")
    cursor = wecom("POST", BATCH, userid_list=staff, limit=50)["next_cursor"]
    assert cursor, "an empty cursor would look like the end"
    given = [
        wecom("POST", BATCH, userid_list=staff, limit=50, cursor=cursor)["next_cursor"] for _ in range(3)
    ]
    assert given[:2] == [cursor, cursor]
    assert given[2] != cursor


@pytest.mark.parametrize("name", ["duplicated_rows", "reordered_rows", "short_pages"])
def test_rows_come_otherwise_but_are_the_same_rows(
    name: str, wecom: Call, switch: Callable[..., Any]
) -> None:
    def identity(row: dict[str, Any]) -> str:
        row["follow_info"]["tag_id"].sort()
        return json.dumps(row, sort_keys=True)

    clean, sizes = scan(wecom)
    switch(name)
    found, other_sizes = scan(wecom)
    before, after = Counter(map(identity, clean)), Counter(map(identity, found))
    assert before.keys() == after.keys()
    assert (sum(after.values()) > sum(before.values())) is (name == "duplicated_rows")
    assert [identity(row) for row in clean] != [identity(row) for row in found] or name == "short_pages"
    assert (max(other_sizes) < 21 < max(sizes)) is (name == "short_pages")


def test_numbers_as_text_bare_ids_and_absent_fields(
    shop: Call, http: Any, switch: Callable[..., Any]
) -> None:
    desk = http.app.state.desk
    order_id = next(o.order_id for o in desk.world.orders if o.lines[0].real_fen == o.lines[0].sale_fen)

    def order() -> dict[str, Any]:
        return dict(shop("POST", "/channels/ec/order/get", order_id=order_id)["order"])

    clean = order()
    switch("string_numbers")
    assert order()["create_time"] == str(clean["create_time"])
    assert order()["is_present"] is clean["is_present"]
    switch("bare_64bit_ids")
    assert order()["order_id"] == int(order_id)
    switch("absent_fields")
    assert "customer_notes" not in order()["order_detail"]["ext_info"]
    assert (
        order()["order_detail"]["price_info"]["discounted_price"]
        == clean["order_detail"]["price_info"]["discounted_price"]
    ), "zero is a number, not nothing"
    assert "errcode" not in shop("POST", "/channels/ec/order/get", order_id=order_id)


def test_blobs_change_their_spelling(finder: Call, http: Any, switch: Callable[..., Any]) -> None:
    export_id = http.app.state.desk.world.lives[0].export_id
    switch("stringified_blobs")
    kinds: set[type] = set()
    for seed in range(4):
        switch("stringified_blobs", seed=seed)
        answer = finder("POST", "/channels/livedashboard/getlivedata", export_id=export_id)
        kinds |= {type(blob) for name, blob in answer.items() if name.startswith("live_")}
    assert kinds == {str, dict}


def test_the_clock_is_off(http: Any, switch: Callable[..., Any]) -> None:
    def off() -> float:
        said = parsedate_to_datetime(http.get("/sandbox/health").headers["date"])
        return (said - utc_now()).total_seconds()

    assert abs(off()) < 60
    switch("clock_skew", skew_seconds=-900)
    assert -960 < off() < -840


def test_the_same_seed_strikes_the_same_requests(wecom: Call, switch: Callable[..., Any]) -> None:
    def codes(seed: int) -> list[int]:
        switch("busy_minus1", "quota_45009", rate=0.4, seed=seed)
        return [wecom("GET", BASE + "list", userid=userid)["errcode"] for userid in ("liwei", "wuhao") * 20]

    first = codes(1)
    assert codes(1) == first
    assert codes(2) != first
    assert {0, -1, 45009} == set(first)


def test_whatever_is_on_a_request_gets_through(wecom: Call, switch: Callable[..., Any]) -> None:
    """Not cut_connection: the test client sees no connection; tests/flows cut real ones."""
    names = [name for name in FAULTS if name not in ("cut_connection", "token_death")]
    switch(*names)
    for _ in range(5):
        answers = [wecom_or_none(wecom) for _ in range(3)]
        assert any(answers)


def wecom_or_none(wecom: Call) -> dict[str, Any] | None:
    try:
        answer = wecom("GET", STAFF)
    except (AssertionError, json.JSONDecodeError):
        return None
    return answer if not answer.get("errcode") else None


def test_marks_survive_a_lost_answer(wecom: Call, switch: Callable[..., Any]) -> None:
    pair = first_pair(wecom)
    tag = wecom("POST", BASE + "get_corp_tag_list")["tag_group"][0]["tag"][0]["id"]
    switch("no_relation_84061")
    codes = [wecom("POST", BASE + "mark_tag", **pair, add_tag=[tag])["errcode"] for _ in range(3)]
    assert codes == [84061, 84061, 0]


def test_the_switch_shows_the_plan_and_the_hits(http: Any, wecom: Call, switch: Callable[..., Any]) -> None:
    assert switch("all")["names"] == list(FAULTS)
    assert switch("all", "-slow")["names"] == [name for name in FAULTS if name != "slow"]
    switch("busy_minus1")
    wecom("GET", STAFF)
    assert http.get("/sandbox/faults").json()["hits"] == {"busy_minus1": 1}
    assert switch()["hits"] == {}
    assert wecom("GET", STAFF)["errcode"] == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"names": ["nope"]}, "expected names among all, slow"),
        ({"names": ["all", "-nope"]}, "got nope"),
        ({"names": "all"}, "expected a list"),
        ({"rate": 2}, "expected rate 0 to 1"),
        ({"rate": "often"}, "got rate='often'"),
        ({"colour": 1}, "got colour=1"),
    ],
)
def test_a_wrong_plan_is_refused(body: dict[str, Any], said: str, http: Any) -> None:
    answer = http.post("/sandbox/faults", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_draws_follow_the_rate() -> None:
    faults = Faults(FaultPlan(("busy_minus1",), rate=0.2))
    struck = 0
    for number in range(2000):
        call = faults.begin("GET", "/x", {"access_token": str(number), "id": str(number)}, {})
        struck += call.strikes("busy_minus1", bad=True)
        faults.end(call)
    assert 320 < struck < 480
    with pytest.raises(UnknownFaultError, match="most_in_a_row"):
        plan_of([], most_in_a_row=0)
