"""Every WeCom stream read from the sandbox: what lands is what is true in its world."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.lake import Lake, LoadReport
from common.settings import Settings
from common.streams import RECORD_COLUMNS, STREAMS, Stream
from ingestion.fetch import default_window, fetch
from sandbox.calendar import end_of
from sandbox.outbound import Outbound
from sandbox.wecom_days import midnight_of
from sandbox.world import World, WorldOptions, build_world
from tests.ingestion.sandbox_platform import Platform, home_at, living, platform

pytestmark = pytest.mark.usefixtures("no_waiting")
LAST = dt.date(2017, 7, 20)
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldOptions(seed=12, buyers=120, extra_people=60, shop_orders=10))


@pytest.fixture
def outside(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with platform(world, tmp_path / "sandbox", LAST, monkeypatch) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return home_at(tmp_path / "home", dt.date(2017, 5, 1), LAST)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake_dir)


def bring(settings: Settings, lake: Lake, *names: str, day: dt.date = LAST) -> None:
    for name in names:
        lake.ensure()
        window = default_window(settings, lake, STREAMS[f"wecom/{name}"], day)
        for arrival in fetch(settings, lake, f"wecom/{name}", window=window):
            assert arrival.report.quarantined == 0
            lake.admit(arrival)


def test_contact_details_bring_personal_tags_and_names(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    bring(settings, lake, "contacts", "contact_details")
    found = living(lake, "wecom/contact_details")
    assert {each["external_contact"]["external_userid"] for each in found} == {*outside.desk.view.of_contact}
    personal = Counter(
        tag["tag_name"]
        for each in found
        for f in each["follow_user"]
        for tag in f["tags"]
        if tag["type"] == 2
    )
    truth = [r for relations in outside.desk.view.of_contact.values() for r in relations]
    assert personal == Counter(name for relation in truth for name in relation.personal_tags)
    assert personal
    outside.calls.clear()
    bring(settings, lake, "contact_details")
    assert outside.calls == {}


def test_contact_details_are_bounded_and_nothing_is_skipped(
    outside: Platform, settings: Settings, lake: Lake
) -> None:
    bring(settings, lake, "contacts")
    settings.contact_details_per_run = 40
    everybody = {*outside.desk.view.of_contact}
    runs = 0
    while len(living(lake, "wecom/contact_details")) < len(everybody):
        outside.calls.clear()
        bring(settings, lake, "contact_details")
        assert outside.calls["get"] <= 40
        runs += 1
    assert runs == -(-len(everybody) // 40)
    found = living(lake, "wecom/contact_details")
    assert {each["external_contact"]["external_userid"] for each in found} == everybody


def test_only_contacts_that_changed_are_read_again(outside: Platform, settings: Settings, lake: Lake) -> None:
    outside.show(LAST - dt.timedelta(days=10))
    bring(settings, lake, "contacts", "contact_details")
    before = dict(outside.desk.view.of_contact)
    outside.show(LAST)
    after = outside.desk.view.of_contact
    changed = {
        person
        for person in after
        if [r.userid for r in after[person]] != [r.userid for r in before.get(person, [])]
    }
    assert 0 < len(changed) < len(after) / 2
    bring(settings, lake, "contacts")
    outside.calls.clear()
    bring(settings, lake, "contact_details")
    assert outside.calls["get"] == len(changed)


def test_quits_are_the_difference_of_two_member_lists(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    earlier = LAST - dt.timedelta(days=40)
    members = []
    for day in (earlier, LAST):
        outside.show(day)
        bring(settings, lake, "groups", day=day)
        members.append(
            {(g["chat_id"], m["userid"]) for g in living(lake, "wecom/groups") for m in g["member_list"]}
        )
    truth = {
        (group.chat_id, member.person.external_userid)
        for group in world.groups
        for member in group.members
        if member.person
        and member.joined_at < end_of(earlier)
        and member.left_at is not None
        and end_of(earlier) <= member.left_at < end_of(LAST)
    }
    assert truth
    assert members[0] - members[1] == truth


def test_quiet_groups_are_taken_over_and_none_seems_deleted(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    """Statistics of complete days tell of every join and quit, so nobody who left the day before is kept."""
    settings.group_reread_days = 30
    day = LAST - dt.timedelta(days=12)
    outside.show(day)
    bring(settings, lake, "group_stats", "groups", day=day)
    everything = outside.calls["get"]
    assert everything == len(outside.desk.view.groups)
    reads = 0
    for _ in range(12):
        day += dt.timedelta(days=1)
        outside.show(day)
        outside.calls.clear()
        bring(settings, lake, "group_stats", "groups", day=day)
        reads += outside.calls["get"]
        known = {g["chat_id"]: {m["userid"] for m in g["member_list"]} for g in living(lake, "wecom/groups")}
        assert known.keys() == outside.desk.view.groups.keys()
        yesterday = midnight_of(outside.desk.view.until)
        for group in world.groups:
            gone = {
                member.person.external_userid
                for member in group.members
                if member.person and member.left_at is not None and member.left_at < yesterday
            }
            assert not gone & known.get(group.chat_id, set())
    assert sum(load.deleted for load in lake.loads(STREAMS["wecom/groups"])) == 0
    assert 0 < reads < 12 * everything


def test_without_statistics_each_group_is_read_once_in_a_round(
    outside: Platform, settings: Settings, lake: Lake
) -> None:
    settings.group_reread_days = 4
    day = LAST - dt.timedelta(days=8)
    bring(settings, lake, "groups", day=day)
    outside.bodies.clear()
    for _ in range(8):
        day += dt.timedelta(days=1)
        bring(settings, lake, "groups", day=day)
    read = Counter(body["chat_id"] for path, body in outside.bodies if path.endswith("groupchat/get"))
    assert set(read.values()) == {2}
    assert read.keys() == outside.desk.view.groups.keys()


def test_a_group_whose_version_an_event_told_of_is_read(
    outside: Platform, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = STREAMS.get("wecom/events") or Stream("wecom", "events", RECORD_COLUMNS, key_paths=("event_id",))
    monkeypatch.setitem(STREAMS, "wecom/events", stream)
    settings.group_reread_days = 300
    bring(settings, lake, "groups")
    same, other = living(lake, "wecom/groups")[:2]
    told = [(same, "old"), (same, same["member_version"]), (other, "another")]
    rows = []
    for number, (group, version) in enumerate(told):
        message = {"ChatId": group["chat_id"], "CurMemVer": version}
        payload = {"event_id": f"e{number}", "received_at": f"2017-07-20T0{number}:00:00", "message": message}
        rows.append(
            {
                "record_key": f"e{number}",
                "op": "upsert",
                "payload": json.dumps(payload),
                "payload_hash": f"{number}",
                "phone_hmacs": None,
                "source": "test",
            }
        )
    lake.admit(lake.arrive_rows(stream, rows, LoadReport(stream.key, "test", 3)))
    outside.bodies.clear()
    bring(settings, lake, "groups")
    read = [body["chat_id"] for path, body in outside.bodies if path.endswith("groupchat/get")]
    assert read == [other["chat_id"]]


def test_a_full_scan_that_may_skip_nothing_reads_everything(
    outside: Platform, settings: Settings, lake: Lake
) -> None:
    for _ in range(2):
        outside.calls.clear()
        bring(settings, lake, "groups")
        assert outside.calls["get"] == len(outside.desk.view.groups)


def test_group_figures_are_counted_from_the_world(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    bring(settings, lake, "group_stats")
    rows = living(lake, "wecom/group_stats")
    day = midnight_of(end_of(dt.date(2017, 7, 10)))
    # The flash-sale group was dismissed in winter.
    owners = {g.owner for g in world.groups if g.created_at < day + DAY_SECONDS and not g.dismissed_at}
    of_day = {row["owner"]: row["data"] for row in rows if row["stat_time"] == day}
    assert of_day.keys() == owners
    for owner, figures in of_day.items():
        there = [g for g in world.groups if g.owner == owner and not g.dismissed_at]
        assert figures["chat_total"] == sum(g.created_at < day + DAY_SECONDS for g in there)
        members = [m for g in there for m in g.members]
        joined = [m for m in members if day <= m.joined_at < day + DAY_SECONDS]
        present = [
            m
            for m in members
            if m.joined_at < day + DAY_SECONDS and (m.left_at is None or m.left_at >= day + DAY_SECONDS)
        ]
        assert (figures["new_member_cnt"], figures["member_total"]) == (len(joined), len(present))
    today = midnight_of(end_of(LAST))
    assert max(row["stat_time"] for row in rows) == today - DAY_SECONDS


def test_behaviour_agrees_with_contacts_added_and_lost(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    settings.first_day = dt.date(2017, 1, 1)  # more than the platform keeps
    bring(settings, lake, "staff_behavior")
    rows = living(lake, "wecom/staff_behavior")
    days = sorted({row["stat_time"] for row in rows})
    today = midnight_of(end_of(LAST))
    assert days == list(range(days[0], today, DAY_SECONDS))
    assert 178 <= len(days) <= 180
    added: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for relation in world.relations:
        added[relation.userid] += days[0] <= relation.created_at < today
        if relation.left_at and days[0] <= relation.left_at < today:
            lost[relation.userid] += 1
    for userid in outside.desk.view.staff:
        mine = [row for row in rows if row["userid"] == userid]
        assert sum(row["new_contact_cnt"] for row in mine) == added[userid]
        assert sum(row["negative_feedback_cnt"] for row in mine) == lost[userid]
    assert sum(lost.values()) > 0
    assert all(("reply_percentage" in row) == (row["chat_cnt"] > 0) for row in rows)


def test_mass_messages_with_tasks_and_deliveries(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    bring(settings, lake, "mass_messages", "mass_message_tasks", "mass_message_sends")
    outbound, until = Outbound(world), outside.desk.view.until
    first = end_of(settings.first_day - dt.timedelta(days=1))
    messages = {each["msgid"]: each for each in living(lake, "wecom/mass_messages")}
    truth = {k: m for k, m in outbound.messages.items() if first <= m.created_at < until}
    assert {k: (m["chat_type"], m["create_type"]) for k, m in messages.items()} == {
        k: (m.kind, m.create_type) for k, m in truth.items()
    }
    assert {m["chat_type"] for m in messages.values()} == {"single", "group"}
    sent = living(lake, "wecom/mass_message_tasks")
    tasks = {(t["msgid"], t["userid"]): t["status"] for t in sent}
    assert tasks.keys() == {(k, userid) for k, m in truth.items() for userid in outbound.senders(m)}
    assert set(tasks.values()) == {0, 2}
    sends = living(lake, "wecom/mass_message_sends")
    single = {(s["msgid"], s["userid"], s["receiver"]) for s in sends if "external_userid" in s}
    assert single == {
        (k, userid, relation.person.external_userid)
        for k, m in truth.items()
        if m.kind == "single"
        for userid in outbound.senders(m)
        for relation in outbound.audience(m, userid)
    }
    assert {s["status"] for s in sends} == {0, 1, 2, 3}
    left = {(r.userid, r.person.external_userid): r.left_at for r in world.relations if r.left_at}
    pressed = {(t["msgid"], t["userid"]): t["send_time"] for t in sent if t["status"] == 2}
    for each in sends:
        at = pressed.get((each["msgid"], each["userid"]))
        gone = at is not None and left.get((each["userid"], each["receiver"]), at) < at
        assert (each["status"] == 2) == gone, "nothing reaches a customer who deleted the staff member"
    assert all(tasks[s["msgid"], s["userid"]] == 2 for s in sends if s["status"] == 1)


def test_a_message_sent_days_later_is_seen_by_the_next_windows(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    outbound = Outbound(world)
    late = next(
        (message, userid, sent)
        for message in outbound.messages.values()
        for userid in outbound.senders(message)
        if (sent := outbound.sent_at(message, userid)) is not None
        and sent - message.created_at > 2 * DAY_SECONDS
        and end_of(dt.date(2017, 5, 10)) < message.created_at < end_of(dt.date(2017, 7, 10))
    )
    message, userid, _ = late
    day = dt.datetime.fromtimestamp(message.created_at, dt.UTC).date()

    def status() -> int:
        found = living(lake, "wecom/mass_message_tasks")
        return next(t["status"] for t in found if (t["msgid"], t["userid"]) == (message.outgoing_id, userid))

    outside.show(day)
    bring(settings, lake, "mass_message_tasks", day=day)
    assert status() == 0
    for _ in range(6):
        day += dt.timedelta(days=1)
        outside.show(day)
        bring(settings, lake, "mass_message_tasks", day=day)
    assert status() == 2


def test_moments_with_likes_and_comments(
    outside: Platform, settings: Settings, lake: Lake, world: World
) -> None:
    bring(settings, lake, "moments", "moment_tasks", "moment_sends", "moment_interactions")
    outbound, until = Outbound(world), outside.desk.view.until
    first = end_of(settings.first_day - dt.timedelta(days=1))
    truth = {k: m for k, m in outbound.moments.items() if first <= m.created_at < until}
    moments = {m["moment_id"]: m for m in living(lake, "wecom/moments")}
    assert {k: m["create_time"] for k, m in moments.items()} == {k: m.created_at for k, m in truth.items()}
    published = {
        (k, userid)
        for k, m in truth.items()
        for userid in outbound.senders(m)
        if (sent := outbound.sent_at(m, userid)) is not None and sent < until
    }
    tasks = living(lake, "wecom/moment_tasks")
    assert {moments[t["moment_id"]]["create_type"] for t in tasks} == {0}
    assert {(t["moment_id"], t["userid"]) for t in tasks if t["publish_status"]} <= published
    sends = living(lake, "wecom/moment_sends")
    assert {(s["moment_id"], s["userid"]) for s in sends} <= published
    found = living(lake, "wecom/moment_interactions")
    assert {(i["moment_id"], i["userid"], i["kind"], i["person_id"], i["create_time"]) for i in found} == {
        (k, userid, i.kind, i.person_id, i.at)
        for k, userid in published
        for i in outbound.interactions(truth[k], userid, until)
    }
    assert {i["kind"] for i in found} == {"like", "comment"}
