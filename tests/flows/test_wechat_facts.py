"""What the sandbox's world says of touches, moments, followers, leads and refunds, from the APIs into the marts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from common.lake import Lake
from common.pii import phone_hmac
from common.streams import STREAMS
from orchestration.landing import land
from sandbox.calendar import end_of
from sandbox.followers import make_followers
from sandbox.leads import make_leads
from sandbox.outbound import NOT_SENT, Outbound
from sandbox.world import World, WorldOptions
from tests.exactness.dbt_home import DbtHome
from tests.flows.small_home import sandbox_here, settings_for

OPTIONS = WorldOptions(seed=7, buyers=600, extra_people=300, shop_orders=400)
FIRST, LAST = dt.date(2017, 2, 20), dt.date(2017, 5, 31)
UNTIL = end_of(LAST)
PII_KEY = b"k" * 32
STREAM_KEYS = (
    "wecom/contacts",
    "wecom/mass_messages",
    "wecom/mass_message_sends",
    "wecom/moments",
    "wecom/moment_sends",
    "wecom/moment_interactions",
    "official_account/followers",
    "video_account/leads",
    "video_account/lives",
    "video_account/shop_orders",
    "video_account/aftersales",
)
STATUSES = {0: "not_sent", 1: "sent", 2: "no_friend", 3: "over_limit"}


class Story(NamedTuple):
    """A home built from one fetch of everything, and what is true in the world behind it."""

    home: DbtHome
    world: World
    outbound: Outbound

    def known(self) -> set[str]:
        """Everybody whom the contacts name: who was gone before the first fetch is nobody to us."""
        rows = self.home.query(
            "select identifier_key from marts.bridge_customer_identities where identifier_type = 'external_userid'"
        )
        return {key.removeprefix("external_userid:") for (key,) in rows}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("facts")
    with sandbox_here(OPTIONS, folder / "sandbox", LAST) as (base_url, app):
        settings = settings_for(
            folder / "home",
            base_url,
            business_timezone="America/New_York",
            first_day=FIRST,
            pii_key=SecretStr(PII_KEY.decode()),
        )
        for result in land(settings, Lake(settings.lake_dir), [STREAMS[key] for key in STREAM_KEYS], LAST):
            assert (result.error, result.held_reasons) == (None, []), result.stream.key
        home = DbtHome(settings.home, zone="America/New_York")
        home.run(LAST.isoformat())
        world = app.state.desk.world
        yield Story(home, world, Outbound(world))


def test_touches__are_what_was_sent_and_to_whom(story: Story) -> None:
    found = {
        tuple(key): status
        for *key, status in story.home.query(
            "select outgoing_id, userid, external_userid, status from marts.fct_touches "
            "where touch_code = 'mass_message'"
        )
    }
    messages = {
        number for (number,) in story.home.query("select outgoing_id from staging.stg_wecom__outgoing")
    }
    known, expected = story.known(), {}
    for message in story.outbound.messages.values():
        if message.outgoing_id not in messages or message.kind != "single":
            continue
        for userid in story.outbound.senders(message):
            sent = story.outbound.sent_at(message, userid)
            for relation in story.outbound.audience(message, userid):
                status = (
                    NOT_SENT
                    if sent is None or sent >= UNTIL
                    else story.outbound.outcome(message, relation, sent)
                )
                if relation.person.external_userid in known:
                    expected[message.outgoing_id, userid, relation.person.external_userid] = STATUSES[status]
    assert found == expected
    assert len(set(expected.values())) >= 3, Counter(expected.values())


def test_moments__reached_and_moved_whom_they_did(story: Story) -> None:
    known, likes, comments = story.known(), Counter(), Counter()
    for moment in story.outbound.moments.values():
        for userid in story.outbound.senders(moment):
            for each in story.outbound.interactions(moment, userid, UNTIL):
                if not each.by_staff and each.person_id in known:
                    (likes if each.kind == "like" else comments)[moment.outgoing_id] += 1
    rows = story.home.query(
        "select moment_id, sent_to_count, like_count, comment_count, like_count_clean from marts.fct_moments"
    )
    assert len(rows) > 3
    assert any(sent_to for _, sent_to, *_ in rows)
    for moment_id, _, like_count, comment_count, like_count_clean in rows:
        assert (like_count, comment_count) == (likes[moment_id], comments[moment_id])
        assert like_count_clean <= like_count
    counted = story.home.query(
        "select interaction_code, count(*) from marts.fct_moment_interactions group by 1 order by 1"
    )
    ours = {moment_id for moment_id, *_ in rows}
    assert counted == [
        ("comment", sum(comments[each] for each in ours)),
        ("like", sum(likes[each] for each in ours)),
    ]


def test_followers__are_those_who_follow(story: Story) -> None:
    found = story.home.query("select openid from marts.fct_official_followers where is_following")
    expected = {each.openid for each in make_followers(story.world) if each.follows(UNTIL)}
    assert {openid for (openid,) in found} == expected
    assert story.home.query(
        "select count(*) from marts.fct_events where event_code = 'official_followed'"
    ) == [(len(expected),)]


def test_leads__are_their_phones_owners(story: Story) -> None:
    leads = [lead for request in make_leads(story.world) for lead in request.leads if lead.at < UNTIL]
    assert story.home.query("select count(*) from marts.fct_leads") == [(len(leads),)]
    owners = dict(
        story.home.query(
            "select identifier_key, customer_id from marts.bridge_customer_identities "
            "where identifier_type = 'phone_hmac'"
        )
    )
    whole = [lead for lead in leads if len(lead.phone.replace(" ", "")) == 11]
    expected = Counter(owners[f"phone_hmac:{phone_hmac(lead.phone, PII_KEY)}"] for lead in whole)
    found = Counter(
        customer
        for (customer,) in story.home.query("select customer_id from marts.fct_leads where has_phone")
    )
    assert found == expected
    assert not story.home.query(
        "select 1 from marts.fct_leads left join marts.dim_customers as customers using (customer_id) "
        "where customers.customer_id is null"
    )


def test_refunds__are_one_sku_of_one_order(story: Story) -> None:
    landed = {
        number
        for (number,) in story.home.query("select aftersale_id from staging.stg_video_account__aftersales")
    }
    expected = {
        (sale.after_sale_id, order.order_id, sale.count, sale.refund_fen)
        for order in story.world.orders
        for sale in order.aftersales
        if sale.after_sale_id in landed and sale.gave_money_back and sale.settled_at < UNTIL
    }
    found = story.home.query(
        "select split_part(refund_key, '|', 2), split_part(order_key, '|', 3), sku_count, refund_fen "
        "from marts.fct_refunds where sku_id is not null"
    )
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert expected


def test_events__tell_each_delivery_once(story: Story) -> None:
    counted = dict(story.home.query("select event_code, count(*) from marts.fct_events group by 1"))
    delivered = story.home.query("select count(*) from marts.fct_touches where is_delivered")
    assert counted["touched"] == delivered[0][0]
    assert counted.keys() >= {
        "order_placed",
        "refund_succeeded",
        "contact_added",
        "lead_submitted",
        "moment_liked",
    }
