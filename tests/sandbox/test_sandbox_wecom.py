"""The WeCom side of the sandbox: paging, errors, marks that stay, the moving day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.credentials import SANDBOX_CORP_ID
from sandbox.server import create_app
from sandbox.state import WrongStateError
from sandbox.world import World, WorldOptions, build_world

Call = Callable[..., dict[str, Any]]
Serve = Callable[..., Any]
WecomOf = Callable[[Any], Call]
BASE = "/cgi-bin/externalcontact/"


def scan(wecom: Call, limit: int = 100) -> tuple[list[dict[str, Any]], list[int]]:
    staff = wecom("GET", BASE + "get_follow_user_list")["follow_user"]
    rows: list[dict[str, Any]] = []
    sizes, cursor = [], ""
    while True:
        page = wecom("POST", BASE + "batch/get_by_user", userid_list=staff, cursor=cursor, limit=limit)
        rows += page["external_contact_list"]
        sizes.append(len(page["external_contact_list"]))
        cursor = page["next_cursor"]
        if not cursor:
            return rows, sizes


def first_pair(wecom: Call) -> dict[str, str]:
    row = scan(wecom)[0][0]
    return {
        "userid": row["follow_info"]["userid"],
        "external_userid": row["external_contact"]["external_userid"],
    }


def tags_of(wecom: Call, pair: dict[str, str]) -> set[str]:
    found = wecom("GET", BASE + "get", external_userid=pair["external_userid"])
    follower = next(f for f in found["follow_user"] if f["userid"] == pair["userid"])
    return {tag["tag_id"] for tag in follower["tags"] if tag["type"] == 1}


def test_scan_gives_every_living_relation_once(wecom: Call, world: World) -> None:
    rows, sizes = scan(wecom)
    pairs = [(r["follow_info"]["userid"], r["external_contact"]["external_userid"]) for r in rows]
    living = {(r.userid, r.person.external_userid) for r in world.relations if r.ended_at is None}
    assert len(pairs) == len(set(pairs))
    assert set(pairs) >= living
    assert any(size < 100 for size in sizes[:-1]), "a short page in the middle belongs to the contract"


@pytest.mark.parametrize("limit", [1, 15, 37, 1000])
def test_page_size_does_not_change_the_scan(wecom: Call, limit: int) -> None:
    assert scan(wecom, limit)[0] == scan(wecom)[0]


def test_a_cursor_is_only_good_for_its_own_staff_list(wecom: Call) -> None:
    staff = wecom("GET", BASE + "get_follow_user_list")["follow_user"]
    cursor = wecom("POST", BASE + "batch/get_by_user", userid_list=staff, limit=10)["next_cursor"]
    other = wecom("POST", BASE + "batch/get_by_user", userid_list=staff[:1], cursor=cursor, limit=10)
    assert other["errcode"] == 40058


def test_batch_and_detail_tell_the_same_story(wecom: Call) -> None:
    for row in scan(wecom)[0][:40]:
        pair = {**first_pair(wecom), "userid": row["follow_info"]["userid"]}
        pair["external_userid"] = row["external_contact"]["external_userid"]
        corporate = {tag_id for tag_id in row["follow_info"]["tag_id"] if tag_id.startswith("et")}
        assert tags_of(wecom, pair) == corporate


def test_staff_without_contacts_answers_84061(wecom: Call) -> None:
    assert wecom("POST", BASE + "batch/get_by_user", userid_list=["xiaoxin"])["errcode"] == 84061
    assert wecom("GET", BASE + "list", userid="xiaoxin")["errcode"] == 84061


def test_marks_are_real_idempotent_and_survive_a_restart(serve: Serve, wecom_of: WecomOf) -> None:
    wecom = wecom_of(serve("same"))
    pair = first_pair(wecom)
    made = wecom("POST", BASE + "add_corp_tag", group_name="Siyu", tag=[{"name": "高价值"}])["tag_group"]
    tag_id = made["tag"][0]["id"]
    before = tags_of(wecom, pair)
    for _ in range(2):
        assert wecom("POST", BASE + "mark_tag", **pair, add_tag=[tag_id])["errcode"] == 0
    assert tags_of(wecom, pair) == before | {tag_id}

    restarted = wecom_of(serve("same"))
    assert tags_of(restarted, pair) == before | {tag_id}
    library = restarted("POST", BASE + "get_corp_tag_list", group_id=[made["group_id"]])["tag_group"]
    assert [tag["name"] for tag in library[0]["tag"]] == ["高价值"]
    for _ in range(2):
        assert restarted("POST", BASE + "mark_tag", **pair, remove_tag=[tag_id])["errcode"] == 0
    assert tags_of(restarted, pair) == before


def test_marking_refuses_what_the_platform_refuses(wecom: Call) -> None:
    pair = first_pair(wecom)
    tag_id = wecom("POST", BASE + "get_corp_tag_list")["tag_group"][0]["tag"][0]["id"]
    before = tags_of(wecom, pair)
    stranger = {**pair, "external_userid": "wmNobody"}
    assert wecom("POST", BASE + "mark_tag", **stranger, add_tag=[tag_id])["errcode"] == 84061
    assert wecom("POST", BASE + "mark_tag", **pair, add_tag=[tag_id, "etNoSuchTag"])["errcode"] == 40068
    assert wecom("POST", BASE + "mark_tag", **pair)["errcode"] == 40058
    assert tags_of(wecom, pair) == before


def test_tag_names_are_unique_within_their_group(wecom: Call) -> None:
    first = wecom("POST", BASE + "add_corp_tag", group_name="Siyu", tag=[{"name": "甲"}])["tag_group"]
    second = wecom("POST", BASE + "add_corp_tag", group_name="Siyu", tag=[{"name": "乙"}])["tag_group"]
    assert second["group_id"] == first["group_id"]
    assert wecom("POST", BASE + "add_corp_tag", group_name="Siyu", tag=[{"name": "甲"}])["errcode"] == 40071


def test_state_of_another_world_is_refused(serve: Serve, tmp_path: Path) -> None:
    serve("taken")
    with pytest.raises(WrongStateError, match="another state folder"):
        create_app(build_world(WorldOptions(seed=9, buyers=5, extra_people=5)), state_dir=tmp_path / "taken")


def test_groups_page_and_hold_both_kinds_of_members(wecom: Call) -> None:
    chats: list[str] = []
    cursor = ""
    while True:
        page = wecom("POST", BASE + "groupchat/list", limit=5, cursor=cursor)
        chats += [item["chat_id"] for item in page["group_chat_list"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(chats) == len(set(chats)) == 11, "twelve, and the flash-sale group was dismissed"
    chat = wecom("POST", BASE + "groupchat/get", chat_id=chats[0], need_name=1)["group_chat"]
    assert {member["type"] for member in chat["member_list"]} == {1, 2}
    assert all(member["name"] for member in chat["member_list"])
    nameless = wecom("POST", BASE + "groupchat/get", chat_id=chats[0])["group_chat"]
    assert not any("name" in member for member in nameless["member_list"])


def test_late_unionids_appear_on_the_known_day(wecom: Call, http: Any, world: World) -> None:
    late = {p.external_userid for p in world.people if p.union_shown == "late"}

    def shown(day: dt.date) -> set[bool]:
        assert http.post("/sandbox/day", json={"day": day.isoformat()}).status_code == 200
        contacts = [row["external_contact"] for row in scan(wecom)[0]]
        listed = wecom("POST", BASE + "groupchat/list", limit=1000)["group_chat_list"]
        chats = [wecom("POST", BASE + "groupchat/get", chat_id=each["chat_id"]) for each in listed]
        members = [member for chat in chats for member in chat["group_chat"]["member_list"]]
        assert late & {member["userid"] for member in members}
        shown = {"unionid" in contact for contact in contacts if contact["external_userid"] in late}
        return shown | {"unionid" in member for member in members if member["userid"] in late}

    assert shown(world.known_day - dt.timedelta(days=1)) == {False}
    assert shown(world.known_day) == {True}


def test_tokens_are_told_apart(
    http: Any, shop: Call, serve: Serve, wecom_of: WecomOf, calls_with: Callable[[Any, str], Call]
) -> None:
    path = BASE + "get_follow_user_list"
    wrong = http.get("/cgi-bin/gettoken", params={"corpid": SANDBOX_CORP_ID, "corpsecret": "guess"})
    assert wrong.json()["errcode"] == 40001
    assert http.get(path).json()["errcode"] == 41001
    assert calls_with(http, "guess")("GET", path)["errcode"] == 40014
    assert shop("GET", path)["errcode"] == 40014
    assert shop("POST", "/channels/livedashboard/getlivelist", ds=20170101)["errcode"] == 48001
    assert wecom_of(serve("brief", token_ttl_seconds=0))("GET", path)["errcode"] == 42001


def test_an_interceptor_answers_in_the_platforms_place(serve: Serve, wecom_of: WecomOf) -> None:
    async def busy(request: Request) -> Response | None:
        return JSONResponse({"errcode": -1}) if request.url.path.endswith("mark_tag") else None

    http = serve("busy", intercept=busy)
    wecom = wecom_of(http)
    pair = first_pair(wecom)
    assert wecom("POST", BASE + "mark_tag", **pair, add_tag=["et"])["errcode"] == -1
    assert http.get("/sandbox/calls").json()[BASE + "mark_tag"] == 1
