"""Who said no is left out of plans, also of plans made before, and loses what she got."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from activation import apply, plans
from activation.consent import ConsentError, record
from activation.contracts import PlanDriftError
from activation.ledger import Ledger
from activation.tables import consents
from common.warehouse import connect

AS_OF = dt.date(2026, 3, 1)


def say(brand, customer, *, allowed, channel="wecom"):
    return record(brand.settings, customer, channel, is_allowed=allowed, by="lin", reason="by phone")


def test_who_said_no_gets_nothing_and_loses_what_she_got(brand):
    brand.with_customers(5)
    brand.build()
    brand.sync()
    say(brand, "c001", allowed=False)
    report = brand.sync()
    assert (report.plan.removes, report.plan.held) == (1, {"opted_out": 1})
    assert "wm001" not in brand.tagged()
    assert brand.sync("file_export").plan.adds == 5, "she said it about another channel"
    say(brand, "c001", allowed=True)
    assert brand.sync().plan.adds == 1
    assert "wm001" in brand.tagged()


def test_the_newest_word_counts_and_all_stands_for_every_channel(brand):
    brand.with_customers(3)
    brand.build()
    say(brand, "c000", allowed=False, channel="all")
    assert brand.sync("file_export").plan.held == {"opted_out": 1}
    assert brand.sync().plan.held == {"opted_out": 1}
    say(brand, "c000", allowed=True, channel="wecom")
    assert brand.sync().plan.adds == 1
    assert brand.sync("file_export").plan.held == {"opted_out": 1}


def test_a_no_after_planning_stops_the_plan(brand):
    brand.with_customers(3)
    brand.build()
    plan = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    say(brand, "external_userid:wm002", allowed=False)
    with pytest.raises(PlanDriftError):
        apply.apply_plan(brand.settings, plan.plan_id, mode="live")
    assert not brand.tagged()


def test_a_no_stays_hers_when_she_becomes_another_customer(brand):
    brand.with_customers(3)
    brand.build()
    say(brand, "c002", allowed=False)
    brand.members["c900"] = brand.members.pop("c002")  # joined into a customer with another id
    brand.build()
    assert brand.sync().plan.held == {"opted_out": 1}
    assert brand.tagged() == {"wm000", "wm001"}


def test_a_holdout_who_said_no_is_told_once(brand):
    brand.with_customers(3)
    brand.holdouts = {"c001"}
    brand.build()
    say(brand, "c001", allowed=False)
    assert brand.sync().plan.held == {"holdout": 1}


def test_words_about_nobody_are_refused_and_words_about_identifiers_to_come_are_kept(brand):
    brand.with_customers(1)
    brand.build()
    with pytest.raises(ConsentError, match="no customer 'nobody'"):
        say(brand, "nobody", allowed=False)
    with pytest.raises(ConsentError, match="channel: expected one of"):
        say(brand, "c000", allowed=False, channel="fax")
    assert say(brand, "unionid:o-later", allowed=False) == ["unionid:o-later"]
    with connect(brand.settings.warehouse_path) as db:
        db.execute("insert into marts.bridge_customer_identities values ('unionid:o-later', 'c000')")
    assert brand.sync().plan.held == {"opted_out": 1}
    with Ledger(brand.settings) as book, book.reading() as db:
        assert [row.recorded_by for row in db.execute(select(consents))] == ["lin"]
