"""Sabotage: one broken batch and one broken payload in the same run stop themselves and nothing else.

The home knows a clean day. On the next one WeCom answers the contact scan with an empty list, a file of
absurd amounts lies in the inbox, and late orders lift a customer beyond what may leave for one segment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.lake import Lake
from common.settings import Settings
from common.streams import CHANNELS, STREAMS
from orchestration.headless import RunOutcome, run_daily
from orchestration.project import declared_segments
from sandbox.view import View
from sandbox.world import WorldOptions, build_world
from tests.flows.small_home import (
    OrderRow,
    checks_of,
    drop_orders,
    places_of,
    published,
    sandbox_here,
    settings_for,
    warehouse,
)

pytestmark = pytest.mark.xdist_group("flows")

WORLD = WorldOptions(seed=11, buyers=60, extra_people=30, shop_orders=80)
CLEAN_DAY, BAD_DAY = dt.date(2017, 8, 31), dt.date(2017, 9, 30)
MARKER = "SABOTAGE"
HELD = "high_value_silent"
MEMBERS = "select segment_code, customer_id from segment_members"


@dataclass
class Story:
    """What the home showed after the clean day (before) and after the sabotaged one."""

    settings: Settings
    base_url: str
    outcomes: list[RunOutcome] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def run(self, day: dt.date) -> None:
        self.outcomes.append(run_daily(self.settings, as_of=day, line=lambda text: None))
        self.seen.append(
            {
                "relations": published(
                    self.settings, "select userid, external_userid, is_active from wecom_relations"
                ),
                "members": published(self.settings, MEMBERS),
                "shop_orders": published(
                    self.settings, "select order_id from orders where channel_code = 'video_account'"
                ),
                "groups": published(self.settings, "select * from group_memberships"),
                "sent": published(
                    self.settings,
                    "select segment_code, destination, plan_id from sync_log where outcome = 'sent'",
                ),
                "exports": sorted(path for path in self.settings.exports_dir.rglob("*") if path.is_file()),
                "calls": httpx.get(f"{self.base_url}/sandbox/calls", trust_env=False).json(),
            }
        )

    @property
    def before(self) -> dict[str, Any]:
        return self.seen[0]

    @property
    def after(self) -> dict[str, Any]:
        return self.seen[1]


def contacts_with_unionid() -> list[str]:
    """Unionids of people who are contacts on both days and whose contact record has the unionid."""
    world = build_world(WORLD)
    views = [View(world, day) for day in (CLEAN_DAY, BAD_DAY)]
    return [
        person.unionid
        for person in world.people
        if person.union_shown == "always" and all(person.external_userid in view.of_contact for view in views)
    ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("sabotage")
    broken = False

    async def answer_nothing(request: Request) -> Response | None:
        if broken and request.url.path.endswith("/batch/get_by_user"):
            return JSONResponse(
                {"errcode": 0, "errmsg": "ok", "external_contact_list": [], "next_cursor": ""}
            )
        return None

    with sandbox_here(WORLD, home / "sandbox", CLEAN_DAY, answer_nothing) as (url, app):
        settings = settings_for(
            home / "home", url, business_timezone="America/New_York", first_day=dt.date(2017, 8, 1)
        )
        unionids = contacts_with_unionid()
        silent, busy = unionids[:4], unionids[4:8]
        drop_orders(
            settings,
            "first.csv",
            [
                OrderRow(f"s{n}", f"silent{n}", "2017-07-10 12:00:00", "3000.00", unionid=u)
                for n, u in enumerate(silent)
            ],
        )
        told = Story(settings, url)
        told.run(CLEAN_DAY)
        broken = True
        app.state.desk.show(BAD_DAY)
        # The first silent customer buys again and so leaves; whales come in with more than may be.
        news = [OrderRow("s0-again", "silent0", "2017-09-20 12:00:00", "10.00")]
        news += [
            OrderRow(f"b{n}-{day}", f"busy{n}", f"2017-09-{day} 09:30:00", "88.00", unionid=u)
            for n, u in enumerate(busy)
            for day in (21, 26)
        ]
        news += [
            OrderRow(f"w{n}-{nth}", f"whale{n}", "2017-08-05 08:00:00", "99999999.00")
            for n in range(3)
            for nth in range(101)
        ]
        drop_orders(settings, "good.csv", news)
        absurd = [
            OrderRow(f"{MARKER}-{n}", f"{MARKER}-buyer", "2017-09-12 10:00:00", "250000000.00")
            for n in range(20)
        ]
        drop_orders(settings, "broken.csv", absurd)
        told.run(BAD_DAY)
        yield told


def test_runs__only_the_held_segment_ends_red(story: Story) -> None:
    """A held raw load is no failed step; a held payload is, and it is the only one."""
    assert [(each.success, each.failed_steps) for each in story.outcomes] == [
        (True, []),
        (False, [f"plan__{HELD}"]),
    ]


def test_raw__held_loads_are_visible_nowhere(story: Story) -> None:
    lake = Lake(story.settings.lake_dir)
    held = {arrival.stream.key: arrival.report for arrival in lake.held()}
    assert held.keys() == {"wecom/contacts", "miniprogram/orders"}
    assert held["miniprogram/orders"].rows == 20
    assert all(report.held_reason for report in held.values())
    assert [load.rows for load in lake.loads(STREAMS["miniprogram/orders"])] == [4, 1 + 8 + 303]
    assert places_of(story.settings.warehouse_path, MARKER) == []
    assert places_of(story.settings.published_dir / "current" / "siyu.duckdb", MARKER) == []
    # The search itself works: it finds what was let in.
    assert "marts.fct_orders.order_id" in places_of(story.settings.warehouse_path, "s0-again")


def test_raw__last_good_state_is_still_served(story: Story) -> None:
    active = [each for each in story.before["relations"] if each[2]]
    assert len(active) > 10
    assert sorted(story.after["relations"]) == sorted(story.before["relations"])


def test_raw__other_channels_moved_on(story: Story) -> None:
    assert len(story.after["shop_orders"]) > len(story.before["shop_orders"]) > 0
    assert len(story.after["groups"]) > len(story.before["groups"]) > 0
    orders = published(story.settings, "select count(*) from orders where channel_code = 'miniprogram'")
    assert orders == [(4 + 1 + 8 + 303,)]
    assert warehouse(story.settings, "select as_of from meta.run_log order by run_no desc limit 1") == [
        (BAD_DAY,)
    ]


def test_raw__held_streams_are_red_in_dagster(story: Story) -> None:
    clean, bad = (checks_of(story.settings, each.run_id) for each in story.outcomes)
    critical = {asset: passed for (asset, check), passed in bad.items() if check == "gx_critical"}
    assert {asset for asset, passed in critical.items() if not passed} == {
        "wecom/contacts",
        "miniprogram/orders",
    }
    assert critical.keys() == {key for key, stream in STREAMS.items() if stream.channel in CHANNELS}
    assert all(passed for (_, check), passed in clean.items() if check == "gx_critical")


def test_payload__check_is_red_for_that_segment_only(story: Story) -> None:
    clean, bad = (checks_of(story.settings, each.run_id) for each in story.outcomes)
    payloads = {asset: passed for (asset, check), passed in bad.items() if check == "gx_payload"}
    assert [asset for asset, passed in payloads.items() if not passed] == [f"plan/{HELD}"]
    assert len(payloads) == len(declared_segments())
    assert clean[f"plan/{HELD}", "gx_payload"]


def test_payload__its_destinations_are_not_called(story: Story) -> None:
    """Both destinations of the held segment, also the one whose own rows are fine."""
    fresh = [each for each in story.after["sent"] if each not in story.before["sent"]]
    assert {destination for code, destination, _ in story.before["sent"] if code == HELD} == {
        "wecom_tags",
        "file_export",
    }
    assert HELD not in {code for code, _, _ in fresh}
    exports = [path for path in story.after["exports"] if path not in story.before["exports"]]
    assert not [path for path in exports if HELD in str(path)]
    # Every call that put or took a tag has a receipt of another segment.
    mark = "/cgi-bin/externalcontact/mark_tag"
    marked = story.after["calls"][mark] - story.before["calls"][mark]
    assert marked == len([code for code, destination, _ in fresh if destination == "wecom_tags"]) > 0


def test_payload__other_segments_are_sent(story: Story) -> None:
    fresh = {each[:2] for each in story.after["sent"] if each not in story.before["sent"]}
    assert ("repeat_within_30_days", "wecom_tags") in fresh


def test_payload__previous_members_stay_published(story: Story) -> None:
    def members(rows: list[tuple[Any, ...]]) -> set[str]:
        return {customer for code, customer in rows if code == HELD}

    before, after = members(story.before["members"]), members(story.after["members"])
    assert len(before) == 4
    assert after == before
    # The warehouse already knows better: one left, whales came.
    now = members(warehouse(story.settings, MEMBERS.replace("from ", "from marts.")))
    assert before - now
    assert now - before
    others = {each for each in story.after["members"] if each[0] != HELD}
    assert others == {
        each for each in warehouse(story.settings, MEMBERS.replace("from ", "from marts.")) if each[0] != HELD
    }
