"""Nothing wrong leaves: the activation payloads' suites on small warehouses."""

from __future__ import annotations

from pathlib import Path

import gate_samples as samples
import pytest

from common.warehouse import connect
from expectations.runner import judge
from expectations.spec import activation_suite_name
from expectations.verdict import Verdict

TAGS = "act_wecom__segment_tags"
FILE = "act_file__segment_members"
TOOLS = "act_tools__segment_members"
RECEIVERS, GROUPS = "act_wecom__receivers", "act_wecom__group_receivers"
OPENIDS = "act_wechat__receivers"
ROWS = {
    TAGS: """
        select 'vip' as segment_code, 'Siyu_人群' as tag_group_name, '高价值' as tag_name,
            'c' || n as customer_id, 'liwei' as userid, 'wmKx8CBgAA000' || n as external_userid
        from range(1, 4) t(n)""",
    FILE: """
        select 'vip' as segment_code, '高价值' as segment_name_zh, 'c' || n as customer_id, n as customer_no,
            date '2017-03-01' as entered_date, 'gold' as tier_code, 3::bigint as order_count,
            -5::bigint as net_spend_fen
        from range(1, 4) t(n)""",
    TOOLS: """
        select 'vip' as segment_code, 'c' || n as customer_id, n as customer_no,
            date '2017-03-01' as entered_date, 'gold' as tier_code
        from range(1, 4) t(n)""",
    RECEIVERS: """
        select 'vip' as segment_code, 'c' || n as customer_id, 'liwei' as userid,
            'wmKx8CBgAA000' || n as external_userid, timestamp '2017-03-01 10:00' as added_at,
            cast(1000 * n as bigint) as value_fen
        from range(1, 4) t(n)""",
    GROUPS: """
        select 'vip' as segment_code, 'wrKx8CBgAA000' || n as chat_id, 'liwei' as owner_userid,
            cast(n as bigint) as member_count
        from range(1, 4) t(n)""",
    OPENIDS: """
        select 'vip' as segment_code, 'c' || n as customer_id, 'official_account' as app,
            'oGzh0A1b2C3d4E5f6G7h8I9j' || n as openid, timestamp '2017-03-01 10:00' as added_at,
            cast(1000 * n as bigint) as value_fen
        from range(1, 4) t(n)""",
}


def judged(tmp_path: Path, payload: str, damage: str) -> Verdict:
    """Judge the good payload after an UPDATE/INSERT; SQL in ``damage`` speaks of ``rows``."""
    path = tmp_path / "warehouse.duckdb"
    with connect(path) as db:
        db.execute(f"create table rows as {ROWS[payload]}")
        db.execute(damage)
    query = "select * from rows where segment_code = 'vip' or segment_code is null"
    suite = activation_suite_name(payload)
    return judge(suite, database=path, query=query, subject="vip", docs_dir=tmp_path / "docs")


@pytest.mark.parametrize("payload", [TAGS, FILE, TOOLS, RECEIVERS, GROUPS, OPENIDS])
def test_a_good_payload_passes_and_has_a_page(tmp_path: Path, payload: str) -> None:
    verdict = judged(tmp_path, payload, "select 1")
    assert (verdict.status, verdict.rows) == ("passed", 3), verdict.reason
    assert verdict.docs_path is not None
    assert "a phone number must not leave" in verdict.docs_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("payload", "damage", "why"),
    [
        (TAGS, "update rows set tag_group_name = '会员等级' where customer_id = 'c1'", "of our own"),
        (TAGS, "insert into rows from rows", "tag once"),
        (TAGS, "update rows set tag_name = '另一个' where customer_id = 'c1'", "one tag"),
        (
            TAGS,
            f"update rows set tag_name = repeat('长', 31), customer_id = '{samples.PHONE}'",
            "30 characters",
        ),
        (TAGS, f"update rows set customer_id = '{samples.PHONE}' where customer_id = 'c1'", "must not leave"),
        (TAGS, "update rows set external_userid = null where customer_id = 'c1'", "which has a contact"),
        (TAGS, "update rows set userid = '1.5E+18' where customer_id = 'c1'", "as WeCom gave them"),
        (TAGS, "update rows set external_userid = 'wmX', userid = customer_id", "identities were mixed up"),
        (TAGS, "update rows set segment_code = null where customer_id = 'c1'", "belongs to a segment"),
        (FILE, "insert into rows from rows", "in a segment once"),
        (FILE, "update rows set customer_no = 1", "names one customer"),
        (FILE, "update rows set customer_no = 0 where customer_id = 'c1'", "are positive"),
        (FILE, "update rows set order_count = -1 where customer_id = 'c1'", "are counted"),
        (FILE, "update rows set entered_date = date '1970-01-18'", "wrong unit"),
        (FILE, "update rows set entered_date = null where customer_id = 'c1'", "on some day"),
        (FILE, "update rows set net_spend_fen = 9999999999999 where customer_id = 'c1'", "unit is wrong"),
        (FILE, f"update rows set tier_code = 'tel {samples.PHONE}'", "must not leave"),
        (RECEIVERS, "insert into rows from rows", "written to twice"),
        (
            RECEIVERS,
            "update rows set external_userid = 'wmX', userid = customer_id",
            "identities were mixed up",
        ),
        (RECEIVERS, "update rows set external_userid = null where customer_id = 'c1'", "goes to a contact"),
        (RECEIVERS, "update rows set value_fen = 2000000000 where customer_id = 'c1'", "wrong unit"),
        (
            RECEIVERS,
            f"update rows set customer_id = '{samples.PHONE}' where customer_id = 'c1'",
            "must not leave",
        ),
        (GROUPS, "insert into rows from rows", "written to twice"),
        (GROUPS, "update rows set owner_userid = null where member_count = 1", "only the owner"),
        (GROUPS, "update rows set member_count = 0 where member_count = 1", "none of its business"),
        (OPENIDS, "insert into rows from rows", "written to twice"),
        (OPENIDS, "update rows set openid = '13900000000'", "as the platform gave them"),
        (OPENIDS, "update rows set app = null", "inside its app only"),
        (TOOLS, "insert into rows from rows", "in a segment once"),
        (TOOLS, "update rows set customer_no = 1", "names one customer"),
        (TOOLS, f"update rows set tier_code = 'tel {samples.PHONE}'", "must not leave"),
    ],
)
def test_a_damaged_payload_is_held(tmp_path: Path, payload: str, damage: str, why: str) -> None:
    verdict = judged(tmp_path, payload, damage)
    assert (verdict.status, verdict.held) == ("failed", True), verdict.reason
    assert any(why in failure.why for failure in verdict.critical_failures), verdict.reason
    assert samples.PHONE not in verdict.reason


@pytest.mark.parametrize("payload", [TAGS, FILE])
@pytest.mark.parametrize("damage", ["delete from rows", "alter table rows add column phone varchar"])
def test_an_empty_or_wider_payload_only_warns(tmp_path: Path, payload: str, damage: str) -> None:
    assert judged(tmp_path, payload, damage).status == "warned"
