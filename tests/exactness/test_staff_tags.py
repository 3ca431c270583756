"""Tags that staff put in WeCom and what customers write: when they come, when they go, and what rules make of them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from common.clock import UTC
from common.lake import LoadReport
from common.settings import DBT_PROJECT_DIR
from common.streams import STREAMS
from orchestration.rules.compiled import compile_rules
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.exactness.histories import OUR_TAG_GROUP, _record

HOSTILE = "好'; drop table marts.fct_orders; -- {{ 1 / 0 }} {% raw %} \\ 100%_"
ADDED = int(dt.datetime(2026, 5, 1, 4, tzinfo=UTC).timestamp())
LIBRARY = {
    "et0": {"group_name": "跟进状态", "name": "勿扰"},
    "et1": {"group_name": "会员等级", "name": "金卡"},
    "et9": {"group_name": OUR_TAG_GROUP, "name": "沉睡"},
}


def load(home: DbtHome, stream: str, day: str, records: dict[str, dict[str, Any]]) -> None:
    """Admit records in the night after a business day."""
    at = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(18, 30), UTC)
    newest = home.lake.last_load_id() or ""
    while f"{at:%Y%m%dT%H%M%S%f}Z" <= newest:
        at += dt.timedelta(microseconds=1)
    rows = [_record(key, payload) for key, payload in records.items()]
    arrival = home.lake.arrive_rows(
        STREAMS[stream], rows, LoadReport(stream=stream, source="test", rows=len(rows))
    )
    home.lake.admit(arrival, at=at)


def relation(*tags: str, userid: str = "amy", external: str = "wm1") -> dict[str, dict[str, Any]]:
    follow = {"userid": userid, "createtime": ADDED, "add_way": 1, "tag_id": list(tags)}
    contact = {"external_userid": external, "name": "小鹿", "type": 1, "unionid": f"u{external[2:]}"}
    return {f"{userid}|{external}": {"external_contact": contact, "follow_info": follow}}


def details(*names: str, external: str = "wm1") -> dict[str, dict[str, Any]]:
    tags: list[dict[str, Any]] = [{"type": 2, "group_name": "我的标签", "tag_name": name} for name in names]
    tags += [{"type": 1, "tag_id": "et9", "group_name": OUR_TAG_GROUP, "tag_name": "沉睡"}]
    follow = {"userid": "amy", "remark": "备注", "tags": tags}
    return {external: {"external_contact": {"external_userid": external}, "follow_user": [follow]}}


SPANS = (
    "select tag_kind_code, tag_group_name, tag_name, put_date::text, taken_date::text from marts.fct_staff_tags "
    "order by all"
)
CARRIED = (
    "select valid_from::text, valid_to::text from marts.tag_history "
    "where tag_code = 'do_not_disturb' and known_to is null order by all"
)


def test_tags_of_staff__come_and_go_and_are_never_ours(home: DbtHome) -> None:
    """Corp tags by their id and the library's name of now, personal ones when a customer is read alone."""
    home.clear()
    load(home, "wecom/corp_tags", "2026-05-09", LIBRARY)
    load(home, "wecom/contacts", "2026-05-09", relation("et0", "et1", "et9"))
    home.run("2026-05-09")
    assert home.query(SPANS) == [
        ("corp", "会员等级", "金卡", "2026-05-09", None),
        ("corp", "跟进状态", "勿扰", "2026-05-09", None),
    ]
    assert home.query(CARRIED) == [("2026-05-09", None)]
    assert home.query(
        "select tag_code, name_zh, made, customer_count from marts.tag_catalog where family = 'staff' order by all"
    ) == [("staff/会员等级/金卡", "金卡", "fact", 1), ("staff/跟进状态/勿扰", "勿扰", "fact", 1)]

    load(home, "wecom/contacts", "2026-05-11", relation("et1", "et9"))
    load(home, "wecom/contact_details", "2026-05-11", details("爱问价"))
    home.run("2026-05-11")
    assert home.query(CARRIED) == [("2026-05-09", "2026-05-11")]
    assert home.query(SPANS) == [
        ("corp", "会员等级", "金卡", "2026-05-09", None),
        ("corp", "跟进状态", "勿扰", "2026-05-09", "2026-05-11"),
        ("personal", "我的标签", "爱问价", "2026-05-11", None),
    ]
    assert home.query(
        "select tag_code, tag_value, valid_from::text from marts.customer_tags where tag_code like 'staff/%' "
        "order by all"
    ) == [("staff/会员等级/金卡", "金卡", "2026-05-09"), ("staff/我的标签/爱问价", "爱问价", "2026-05-11")]

    # The library calls another tag of hers so, and nothing else happened to her.
    load(home, "wecom/corp_tags", "2026-05-13", {"et1": {"group_name": "跟进状态", "name": "勿扰"}})
    home.run("2026-05-13")
    assert home.query(CARRIED) == [("2026-05-09", None)]

    # A full scan without her relation.
    load(home, "wecom/contacts", "2026-05-14", relation("et9", external="wm2"))
    home.run("2026-05-14")
    assert home.query(CARRIED) == [("2026-05-09", "2026-05-14")]
    assert home.query("select count(*) from marts.fct_staff_tags where taken_date is null") == [(0,)]

    step_by_step = home.put_warehouse_aside("step_by_step")
    home.run("2026-05-14")
    assert not {
        table: count for table, count in differing_rows(step_by_step, home.warehouse).items() if count
    }


def test_hostile_names__are_data(home: DbtHome, tmp_path: Path) -> None:
    """In the rule that asks for a staff tag, in a keyword, in the tag itself and in what a customer wrote."""
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    quoted = "'" + HOSTILE.replace("'", "''") + "'"
    channel = project / "rules" / "tags" / "channel.yml"
    text = channel.read_text(encoding="utf-8")
    assert "{staff_tag: 勿扰}" in text
    channel.write_text(
        text.replace("{staff_tag: 勿扰}", f"{{staff_tag: {quoted}, group: {quoted}}}"), encoding="utf-8"
    )
    cases = project / "rules" / "cases" / "channel.yml"
    cases.write_text(cases.read_text(encoding="utf-8").split("- tag: do_not_disturb")[0], encoding="utf-8")
    features = project / "rules" / "features.yml"
    features.write_text(
        features.read_text(encoding="utf-8").replace("[退货,", f"[{quoted}, 退货,"), encoding="utf-8"
    )
    assert compile_rules(project)
    home.clear()
    load(home, "wecom/corp_tags", "2026-05-09", {"et0": {"group_name": HOSTILE, "name": HOSTILE}})
    load(home, "wecom/contacts", "2026-05-09", relation("et0"))
    load(
        home, "official_account/followers", "2026-05-09",
        {"oOff1": {"openid": "oOff1", "unionid": "u1", "subscribe": 1, "subscribe_time": ADDED}},
    )  # fmt: skip
    message = {"FromUserName": "oOff1", "CreateTime": str(ADDED + 60), "MsgType": "text"}
    said = {"m1": HOSTILE.upper(), "m2": "在吗", "m3": "  "}
    load(
        home, "official_account/events", "2026-05-09",
        {key: {"message": {**message, "Content": words}} for key, words in said.items()},
    )  # fmt: skip
    done = home.invoke(["run"], as_of="2026-05-09", project_dir=project)
    assert done.success, [each.message for each in done.result or [] if str(each.status) != "success"]
    assert home.query("select tag_code, tag_value from marts.customer_tags where tag_code in "
                      "('do_not_disturb', 'asks_about', 'writes_to_us') order by all") == [
        ("asks_about", "退换货"), ("do_not_disturb", "勿扰"), ("writes_to_us", "偶尔")
    ]  # fmt: skip
    assert home.query("select text_key, question_codes from marts.fct_customer_texts order by all") == [
        ("official_message|m1", "returns"), ("official_message|m2", "")
    ]  # fmt: skip
