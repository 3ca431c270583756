"""Refused rows and their retries; reading back everything, and what a repair does."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from activation import apply, log, plans
from activation.audit import audit
from activation.contracts import ActivationError
from activation.ledger import Ledger
from activation.policy import load_policy
from activation.tables import refusals

AS_OF = dt.date(2026, 3, 1)
MARK = "externalcontact/mark_tag"


def move_refusals_back(brand, days):
    """Let the refusals be so many days older."""
    with Ledger(brand.settings) as book, book.writing() as db:
        for row in db.execute(sa.select(refusals)).mappings().all():
            db.execute(
                sa.update(refusals)
                .where(refusals.c.row_key == row["row_key"])
                .values(
                    first_at=row["first_at"] - dt.timedelta(days=days),
                    last_at=row["last_at"] - dt.timedelta(days=days),
                )
            )


def refused_rows(brand):
    with Ledger(brand.settings) as book, book.reading() as db:
        return {row["row_key"]: dict(row) for row in db.execute(sa.select(refusals)).mappings()}


def test_a_refused_row_is_tried_by_later_runs_until_it_gets_through(brand):
    brand.with_customers(3)
    brand.wecom.faults["staff0", "wm000"].extend(["40097"] * 3)
    brand.build()
    for attempt in (1, 2, 3):
        assert brand.sync().outcomes["refused"] == 1
        kept = refused_rows(brand)["staff0|wm000"]
        assert (kept["attempts"], kept["retry"], kept["code"]) == (attempt, "person", "40097")
    assert log.summary(brand.settings)[0].refused == 1
    assert brand.sync().outcomes == {"sent": 1}
    assert not refused_rows(brand)


def test_a_row_refused_for_too_long_is_given_up_until_it_changes(brand):
    brand.with_customers(2)
    brand.wecom.faults["staff0", "wm000"].extend(["40097"] * 9)
    brand.build()
    brand.sync()
    move_refusals_back(brand, load_policy().give_up_after_days)
    report = brand.sync()
    assert (report.plan.held, report.plan.rows) == ({"gave_up": 1}, 0)
    calls = brand.wecom.calls[MARK]
    brand.sync()
    assert brand.wecom.calls[MARK] == calls, "not asked again"
    brand.wecom.faults["staff0", "wm000"].clear()
    brand.tag = "沉睡180天"
    brand.build()
    assert brand.sync().outcomes == {"sent": 2}, "another tag is another row: its patience starts anew"


def test_an_ended_relation_is_looked_at_again_after_some_days(brand):
    brand.with_customers(2)
    brand.wecom.relations.discard(("staff0", "wm000"))
    brand.build()
    brand.sync()
    assert brand.sync().plan.held == {"relation_ended": 1}
    brand.wecom.relations.add(("staff0", "wm000"))
    move_refusals_back(brand, load_policy().retry_ended_relation_after_days)
    assert brand.sync().outcomes == {"sent": 1}


def test_a_refused_row_that_nobody_asks_for_any_more_is_forgotten(brand):
    brand.with_customers(2)
    brand.wecom.faults["staff0", "wm000"].append("40097")
    brand.build()
    brand.sync()
    del brand.members["c000"]
    brand.build()
    brand.sync()
    assert not refused_rows(brand)


def test_members_that_cannot_be_reached_are_told(brand):
    brand.with_customers(4)
    brand.members["c001"] = []
    brand.holdouts = {"c002"}
    brand.build()
    report = brand.sync()
    assert report.plan.held == {"holdout": 1, "no_relation": 1}
    assert report.outcomes == {"sent": 2}


def test_reading_back_tells_missing_extra_and_foreign_and_a_repair_lets_the_next_plan_mend_it(brand):
    brand.with_customers(250)
    brand.wecom.groups = {"Siyu 生命周期": {"旧标签": "et-old"}, "会员等级": {"金卡": "et-gold"}}
    brand.wecom.relations.add(("staff9", "wm900"))
    brand.build()
    brand.sync()
    assert audit(brand.settings, brand.code, "wecom_tags").agrees
    tag_id = brand.wecom.groups[brand.group][brand.tag]
    brand.wecom.marked["staff0", "wm000"].discard(tag_id)  # somebody took it off
    brand.wecom.marked["staff9", "wm900"].add(tag_id)  # and put it on another
    brand.wecom.marked["staff1", "wm001"] |= {"et-old", "et-gold"}
    report = audit(brand.settings, brand.code, "wecom_tags")
    assert (report.same, report.missing, report.extra) == (249, ["staff0|wm000"], ["staff9|wm900"])
    assert report.foreign == {"Siyu 生命周期/旧标签": 1}
    assert brand.sync().plan.rows == 0, "looking changes nothing"
    calls = brand.wecom.calls[MARK]
    assert audit(brand.settings, brand.code, "wecom_tags", repair=True).is_repaired
    assert brand.wecom.calls[MARK] == calls, "a repair sends nothing by itself"
    report = brand.sync()
    assert (report.plan.adds, report.plan.removes, report.status) == (1, 1, "sent")
    assert brand.tagged() == {f"wm{n:03d}" for n in range(250)}
    assert brand.wecom.marked["staff1", "wm001"] >= {"et-old", "et-gold"}, "what is not ours stays"
    assert audit(brand.settings, brand.code, "wecom_tags").agrees


def test_reading_back_a_file(brand):
    brand.with_customers(3)
    brand.spend = {"c001": -250}
    brand.name_zh = '=HYPERLINK("x")'
    brand.build()
    brand.sync("file_export")
    assert audit(brand.settings, brand.code, "file_export").agrees
    (brand.settings.exports_dir / "dormant" / "2026-03-01.csv").unlink()
    assert len(audit(brand.settings, brand.code, "file_export", repair=True).missing) == 3
    assert brand.sync("file_export").outcomes == {"sent": 3}


def test_what_was_never_planned_cannot_be_read_back(brand):
    with pytest.raises(ActivationError, match="never planned"):
        audit(brand.settings, "nobody", "file_export")


def test_the_tables_for_others(brand):
    brand.with_customers(4)
    brand.wecom.relations.discard(("staff2", "wm002"))
    brand.build()
    brand.sync(mode="dry_run")
    brand.sync()
    del brand.members["c001"]
    brand.build()
    brand.sync()
    tables = log.public_tables(brand.settings)
    runs = tables["sync_runs"].to_pylist()
    assert [(r["mode"], r["status"], r["add_count"], r["sent_count"], r["refused_count"]) for r in runs] == [
        ("dry_run", "planned", 4, 0, 0),
        ("live", "refused", 4, 3, 1),
        ("live", "sent", 0, 1, 0),
    ]
    assert [r["held_count"] for r in runs] == [0, 0, 1]
    assert [r["row_key"] for r in tables["destination_state"].to_pylist()] == ["staff0|wm000", "staff0|wm003"]
    assert [r["action"] for r in tables["sync_log"].to_pylist()] == ["add"] * 4 + ["remove"]


def test_a_plan_that_no_run_took_up_is_told_with_its_own_status(brand):
    brand.with_customers(4)
    brand.build()
    plan = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    [row] = log.sync_runs(brand.settings).to_pylist()
    assert (row["run_id"], row["mode"], row["status"]) == (plan.plan_id, "plan", "planned")
    assert (row["started_at"], row["finished_at"], row["sent_count"]) == (plan.created_at, None, 0)
    apply.apply_plan(brand.settings, plan.plan_id, mode="dry_run")
    plans.approve(brand.settings, plan.plan_id, "tester")
    [row] = log.sync_runs(brand.settings).to_pylist()
    assert (row["mode"], row["status"], row["plan_status"]) == ("dry_run", "planned", "approved")
