"""The made world: the same for the same seed, inside 2017, believable where the pipeline relies on it."""

from __future__ import annotations

from collections import defaultdict

import pytest

from common.pii import normalise_phone
from sandbox.calendar import YEAR_END, YEAR_START
from sandbox.contacts import STORE_PHONE
from sandbox.journey import read_buyers
from sandbox.world import World, WorldOptions, build_world


def test_same_options_same_world(world: World) -> None:
    assert build_world(world.options) == world


def test_another_seed_another_world(world: World) -> None:
    other = build_world(WorldOptions(seed=8, buyers=400, extra_people=150, shop_orders=700))
    assert not {p.unionid for p in other.people} & {p.unionid for p in world.people}
    assert other.relations != world.relations


def test_all_households_are_there_by_default() -> None:
    assert len(read_buyers()) == 2469


def test_too_many_buyers_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 to 2469, got 9999"):
        build_world(WorldOptions(buyers=9999))


def test_ids_and_phones_belong_to_one_person_each(world: World) -> None:
    for ids in (
        [p.unionid for p in world.people],
        [p.external_userid for p in world.people],
        [p.phone for p in world.people],
        [openid for p in world.people for openid in p.openids.values()],
    ):
        assert len(set(ids)) == len(ids)
    assert all(normalise_phone(p.phone) == p.phone and p.phone != STORE_PHONE for p in world.people)


def test_everything_begins_inside_the_year(world: World) -> None:
    begun = [r.created_at for r in world.relations] + [o.created_at for o in world.orders]
    begun += [m.joined_at for g in world.groups for m in g.members] + [live.ended_at for live in world.lives]
    assert min(begun) >= YEAR_START
    assert max(begun) < YEAR_END


def test_shares_are_as_described(world: World) -> None:
    buyers = {p.person_no for p in world.people if p.household_id}
    contacts = {r.person.person_no for r in world.relations}
    assert 0.5 < len(buyers & contacts) / len(buyers) < 0.7
    assert {p.union_shown for p in world.people} == {"always", "late", "never"}
    assert len(world.groups) == 12
    assert len(world.lives) == 52
    outsiders = [
        m for g in world.groups for m in g.members if m.person and m.person.person_no not in contacts
    ]
    assert outsiders


def test_nobody_is_unknown_to_every_channel(world: World) -> None:
    known = {p.person_no for p in world.people if p.purchases} | {r.person.person_no for r in world.relations}
    known |= {o.person.person_no for o in world.orders} | {o.giver.person_no for o in world.orders if o.giver}
    assert known == {p.person_no for p in (*world.people, *world.brand_people)}


def test_a_relation_is_one_staff_and_one_person_at_a_time(world: World) -> None:
    by_pair = defaultdict(list)
    for relation in world.relations:
        by_pair[relation.userid, relation.person.person_no].append(relation)
    again = [sorted(them, key=lambda r: r.created_at) for them in by_pair.values() if len(them) > 1]
    assert again, "some whom staff deleted are added again"
    for first, second in again:
        assert first.ended_at is not None
        assert first.ended_at < second.created_at


def test_partial_refunds_never_give_everything_back(world: World) -> None:
    partial = [o for o in world.orders if o.aftersales and o.steps[-1][1] != 200]
    assert partial
    for order in partial:
        assert 0 < sum(s.refund_fen for s in order.aftersales) < order.order_fen
    for order in (o for o in world.orders if o.steps[-1][1] == 200):
        assert sum(s.refund_fen for s in order.aftersales) == order.order_fen - order.freight_fen
