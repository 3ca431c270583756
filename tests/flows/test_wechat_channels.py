"""视频号, 微信小店, 公众号 and 小程序 payments from the sandbox, through the gate, into the lake, day after day."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from pydantic import SecretStr

from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS
from ingestion.channels.video_account import SNAPSHOT_DAYS
from orchestration.landing import land
from sandbox.calendar import end_of
from sandbox.coupons import COUPONS
from sandbox.credentials import SANDBOX_OFFICIAL_APP_ID
from sandbox.followers import make_followers
from sandbox.leads import make_leads
from sandbox.payments import make_payments
from sandbox.world import World, WorldOptions
from tests.flows.small_home import sandbox_here, settings_for

OPTIONS = WorldOptions(seed=7, buyers=300, extra_people=150, shop_orders=400)
FIRST, LAST = dt.date(2017, 2, 20), dt.date(2017, 3, 14)
LIVES = "video_account/lives"
# The livestreams are read every day but these, the rest on some days only: that has to be enough.
MISSED = (dt.date(2017, 2, 26), dt.date(2017, 2, 27), dt.date(2017, 3, 6))
WHOLE = (FIRST, dt.date(2017, 3, 1), dt.date(2017, 3, 2), LAST)
KEYS = (
    "video_account/shop_orders",
    "video_account/aftersales",
    "video_account/leads",
    "video_account/shop_days",
    "video_account/finder_days",
    "video_account/coupons",
    "official_account/followers",
    "miniprogram/payments",
)


class Days:
    """Two homes at the same sandbox: one fetched on many days, the other once, at the end."""

    def __init__(self, folder: Path, base_url: str, world: World) -> None:
        self.base_url, self.world = base_url, world
        # The ids of leads depend on the key, so both homes have the same.
        more = {"business_timezone": "America/New_York", "first_day": FIRST, "pii_key": SecretStr("k" * 32)}
        self.daily = settings_for(folder / "daily", base_url, **more)
        self.once = settings_for(folder / "once", base_url, **more)
        self.read: dict[dt.date, int] = {}

    def run(self, settings: Settings, day: dt.date, keys: tuple[str, ...]) -> None:
        """Land these streams as of the end of a day; nothing may be held, refused or missing."""
        httpx.post(f"{self.base_url}/sandbox/day", json={"day": day.isoformat()}, trust_env=False)
        before = self._lives_read()
        results = land(settings, Lake(settings.lake_dir), [STREAMS[key] for key in keys], day)
        if settings is self.daily:
            self.read[day] = self.read.get(day, 0) + self._lives_read() - before
        for result in results:
            assert (result.error, result.held_reasons) == (None, []), result.stream.key
            assert result.total("quarantined") == 0

    def _lives_read(self) -> int:
        calls = httpx.get(f"{self.base_url}/sandbox/calls", trust_env=False).json()
        return int(calls.get("/channels/livedashboard/getlivedata", 0))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    folder = tmp_path_factory.mktemp("channels")
    with sandbox_here(OPTIONS, folder / "sandbox", LAST) as (base_url, app):
        days = Days(folder, base_url, app.state.desk.world)
        day = FIRST
        while day <= LAST:
            if day not in MISSED:
                days.run(days.daily, day, (LIVES, *KEYS) if day in WHOLE else (LIVES,))
            day += dt.timedelta(days=1)
        days.run(days.once, LAST, KEYS)
        yield days


def last_payloads(settings: Settings, key: str) -> dict[str, Any]:
    """The living records of a stream: {record key: payload}."""
    rows = duckdb.execute(
        "select record_key, payload from read_parquet(?, hive_partitioning = true)"
        " qualify row_number() over (partition by record_key order by load_id desc) = 1 and op = 'upsert'",
        [Lake(settings.lake_dir).glob(STREAMS[key])],
    ).fetchall()
    return {record_key: json.loads(payload) for record_key, payload in rows}


@pytest.mark.parametrize("key", [key for key in KEYS if not key.endswith("_days")])
def test_days_with_gaps_give_what_one_fetch_of_all_gives(days: Days, key: str) -> None:
    daily, once = last_payloads(days.daily, key), last_payloads(days.once, key)
    assert once
    # The daily home also knows what is in no window of a late first fetch.
    assert {record: daily[record] for record in once} == once


def test_the_lake_holds_what_is_true(days: Days) -> None:
    world, until, start = days.world, end_of(LAST), end_of(FIRST - dt.timedelta(days=1))
    followers = {each.openid for each in make_followers(world) if each.follows(until)}
    assert set(last_payloads(days.daily, "official_account/followers")) == followers
    assert followers <= {person.openids[SANDBOX_OFFICIAL_APP_ID] for person in world.people}
    rescan = start - days.daily.payments_rescan_days * 86_400
    paid = {each.transaction_id for each in make_payments(world) if rescan <= each.paid_at < until}
    assert set(last_payloads(days.daily, "miniprogram/payments")) == paid
    states = last_payloads(days.daily, "miniprogram/payments")
    assert all(
        states[each.transaction_id]["order_state"] == each.payload(until)["order_state"]
        for each in make_payments(world)
        if each.transaction_id in paid
    )
    leads = [lead for request in make_leads(world) for lead in request.leads if lead.at < until]
    assert len(last_payloads(days.daily, "video_account/leads")) == len(leads)
    coupons = {each.coupon_id for each in COUPONS if each.made_at < until}
    assert set(last_payloads(days.daily, "video_account/coupons")) == coupons
    orders = {order.order_id for order in world.orders if any(start <= at < until for at, _ in order.steps)}
    assert orders <= set(last_payloads(days.daily, "video_account/shop_orders"))


def test_compass_days_add_up_to_the_orders_of_the_lake(days: Days) -> None:
    figures = last_payloads(days.daily, "video_account/shop_days")
    # 2017-03-14 in New York ends at noon of the 15th in Shanghai.
    assert max(figures) == "20170314"
    assert min(figures) == "20170213"
    sellers = last_payloads(days.daily, "video_account/finder_days")
    assert {key.split("|")[0] for key in sellers} == set(figures)
    for ds, row in figures.items():
        seller = sellers[f"{ds}|finder_id:sphFengheYouxuan"]
        assert int(seller["data"]["pay_gmv"]) <= int(row["data"]["pay_gmv"])


def test_livestreams_are_read_on_their_days_and_missed_ones_made_up_for(days: Days) -> None:
    # Fridays 20:00; the day 3 of the first two falls on days that were missed.
    starts = [dt.date(2017, 2, 24), dt.date(2017, 3, 3), dt.date(2017, 3, 10)]
    # The one of the 17th began before the first window: its days that fall into the windows are not known of.
    expected = dict.fromkeys(days.read, 0)
    for began in starts:
        for after in SNAPSHOT_DAYS:
            due = next((day for day in sorted(expected) if day >= began + dt.timedelta(days=after)), None)
            if due is not None:
                expected[due] += 1
    assert days.read == expected
    versions = [load.changed for load in Lake(days.daily.lake_dir).loads(STREAMS["video_account/lives"])]
    assert sum(versions) >= len(starts)


def test_leads_carry_hashes_and_no_phone_in_their_keys(days: Days) -> None:
    phones = {person.phone for person in days.world.people}
    rows = duckdb.execute(
        "select record_key, phone_hmacs from read_parquet(?)",
        [Lake(days.daily.lake_dir).glob(STREAMS["video_account/leads"])],
    ).fetchall()
    assert rows
    assert sum(len(json.loads(hmacs)) == 1 for _, hmacs in rows) > 0.9 * len(rows)
    assert not [key for key, _ in rows if any(phone in key for phone in phones)]
