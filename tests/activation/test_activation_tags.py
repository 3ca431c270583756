"""Segments to WeCom tags: what leaves, what never leaves, and what is believed of it afterwards."""

from __future__ import annotations

import datetime as dt
import io
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from activation import apply, log, plans, tables
from activation.contracts import (
    ApplierBusyError,
    PayloadError,
    PlanDriftError,
    PlanExpiredError,
    PlanNotApprovedError,
    PlanStateError,
    PlanTamperedError,
)
from activation.ledger import Ledger

AS_OF = dt.date(2026, 3, 1)
MARK = "externalcontact/mark_tag"
ROOT = Path(__file__).resolve().parents[2]


def test_tags_are_set_once_and_taken_off_when_a_member_leaves(brand):
    brand.with_customers(50)
    brand.build()
    first = brand.sync()
    assert (first.status, first.outcomes) == ("sent", {"sent": 50})
    assert brand.tagged() == {f"wm{n:03d}" for n in range(50)}
    assert brand.wecom.calls["externalcontact/add_corp_tag"] == 1
    assert 1 < brand.wecom.most_in_flight <= 4
    again = brand.sync()
    assert (again.status, again.plan.unchanged, again.plan.rows) == ("sent", 50, 0)
    assert brand.wecom.calls[MARK] == 50
    del brand.members["c007"]
    brand.build()
    brand.sync()
    assert brand.wecom.calls[MARK] == 51
    assert "wm007" not in brand.tagged()
    rows = log.sync_log(brand.settings).to_pylist()
    assert [(r["action"], r["row_key"], r["outcome"]) for r in rows if r["customer_id"] == "c007"] == [
        ("add", "staff1|wm007", "sent"),
        ("remove", "staff1|wm007", "sent"),
    ]
    assert all(r["intent_at"] <= r["receipt_at"] for r in rows)
    assert log.summary(brand.settings)[0].present == 49


def test_a_dry_run_calls_nobody_and_leaves_the_plan_open(brand):
    brand.with_customers(5)
    brand.build()
    report = brand.sync(mode="dry_run")
    assert (report.status, report.plan.adds, report.plan.estimated_calls) == ("planned", 5, 7)
    assert not brand.wecom.calls
    assert log.sync_log(brand.settings).num_rows == 0
    assert brand.sync(mode="dry_run").plan.plan_id == report.plan.plan_id
    apply.apply_plan(brand.settings, report.plan.plan_id)
    assert not brand.wecom.calls, "dry_run is the default"


def test_holdouts_are_never_sent_even_when_the_payload_leaks_them(brand):
    brand.with_customers(6)
    brand.holdouts, brand.leak_holdouts = {"c001", "c002"}, True
    brand.build()
    report = brand.sync()
    assert report.plan.held == {"holdout": 2}
    assert brand.tagged() == {"wm000", "wm003", "wm004", "wm005"}
    brand.holdouts.add("c003")
    brand.build()
    brand.sync()
    assert brand.tagged() == {"wm000", "wm004", "wm005"}, "a new holdout loses its tag"


def test_an_ended_relation_is_kept_as_refused_and_not_asked_again_every_day(brand):
    brand.with_customers(4)
    brand.wecom.relations.discard(("staff2", "wm002"))
    brand.build()
    report = brand.sync()
    assert (report.status, report.outcomes) == ("refused", {"sent": 3, "refused": 1})
    assert report.ok, "a customer who left is no fault"
    refused = [r for r in log.sync_log(brand.settings).to_pylist() if r["outcome"] == "refused"]
    assert [(r["row_key"], r["code"], r["code_class"]) for r in refused] == [
        ("staff2|wm002", "84061", "relation_ended")
    ]
    next_day = brand.sync()
    assert next_day.plan.held == {"relation_ended": 1}
    assert brand.wecom.calls[MARK] == 4
    customer = brand.members.pop("c002")  # the next contact scan no longer shows the relation ...
    brand.build()
    brand.sync()
    brand.members["c002"] = customer  # ... and a later one shows it anew
    brand.wecom.relations.add(("staff2", "wm002"))
    brand.build()
    assert brand.sync().outcomes == {"sent": 1}


def test_other_refusals_are_tried_again_by_the_next_run(brand):
    brand.with_customers(3)
    brand.wecom.faults["staff0", "wm000"].append("40097")
    brand.build()
    first = brand.sync()
    assert (first.outcomes, first.refusals, first.ok) == (
        {"sent": 2, "refused": 1},
        {"needs_person": 1},
        False,
    )
    assert brand.sync().outcomes == {"sent": 1}
    assert brand.tagged() == {"wm000", "wm001", "wm002"}


@pytest.mark.parametrize("code", ["-1", "45009", "45033"])
def test_a_busy_platform_is_asked_again_within_the_run(brand, code):
    brand.with_customers(2)
    brand.wecom.faults["staff0", "wm000"].append(code)
    brand.build()
    assert brand.sync().outcomes == {"sent": 2}
    assert brand.wecom.calls[MARK] == 3


def test_missing_permission_stops_the_run_and_says_so(brand):
    brand.with_customers(100)
    for pairs in brand.members.values():
        brand.wecom.faults[pairs[0]].append("48002")
    brand.build()
    report = brand.sync()
    assert report.status == "refused"
    assert "48002" in report.reason
    assert not report.ok
    assert brand.wecom.calls[MARK] <= 8, "the rest must not be tried"
    assert brand.sync().outcomes["sent"] > 0, "rows that were not attempted come again"


@pytest.mark.parametrize(
    ("fault", "settled"), [("lost_after", {"sent": 1}), ("lost_before", {"not_sent": 1, "sent": 1})]
)
def test_an_unknown_outcome_is_in_doubt_until_it_is_read_back(brand, fault, settled):
    brand.with_customers(3)
    brand.wecom.faults["staff0", "wm000"].append(fault)
    brand.build()
    first = brand.sync()
    assert (first.status, first.outcomes) == ("in_doubt", {"sent": 2, "in_doubt": 1})
    assert brand.wecom.calls[MARK] == 3, "no second call while in doubt"
    assert brand.sync(mode="dry_run").plan.held == {"in_doubt": 1}
    assert log.summary(brand.settings)[0].in_doubt == 1
    brand.sync()
    assert brand.wecom.calls["externalcontact/get"] == 1
    outcomes = [r["outcome"] for r in log.sync_log(brand.settings).to_pylist() if r["customer_id"] == "c000"]
    assert outcomes == list(settled)
    assert brand.tagged() == {"wm000", "wm001", "wm002"}
    assert log.summary(brand.settings)[0].in_doubt == 0
    plan_statuses = {p.plan_id: p.status for p in [plans.get_plan(brand.settings, first.plan.plan_id)]}
    assert plan_statuses[first.plan.plan_id] == ("sent" if fault == "lost_after" else "refused")


def test_a_killed_applier_leaves_doubt_that_the_next_run_settles(brand):
    brand.with_customers(60)
    brand.wecom.faults["staff0", "wm030"].append("hang_after")
    brand.build()
    code = (
        "import datetime as dt\nfrom activation.segments import apply_plans, plan_segment\n"
        "from common.settings import load_settings\n"
        "home = load_settings()\n"
        "planned = plan_segment(home, 'dormant', ['wecom_tags'], as_of=dt.date(2026, 3, 1))\n"
        "apply_plans(home, [each.plan_id for each in planned.plans])\n"
    )
    secret = brand.settings.wecom_secret.get_secret_value()
    environment = {
        **os.environ,
        "SIYU_HOME": str(brand.settings.home),
        "SIYU_ACTIVATION_MODE": "live",
        "SIYU_WECOM_BASE_URL": brand.settings.wecom_base_url,
        "SIYU_WECOM_CORP_ID": brand.settings.wecom_corp_id,
        "SIYU_WECOM_SECRET": secret,
    }
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT)
    try:
        assert brand.wecom.hanging.wait(60), "the child never reached the hanging call"
        assert brand.sync().status == "busy"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert brand.sync(mode="dry_run").plan.held["in_doubt"] >= 1
    report = brand.sync()
    assert report.settled["sent"] >= 1
    assert brand.tagged() == {f"wm{n:03d}" for n in range(60)}
    final = [r["outcome"] for r in log.sync_log(brand.settings).to_pylist()]
    assert final.count("sent") == 60
    assert set(final) <= {"sent", "not_sent"}
    assert brand.sync().plan.rows == 0


def test_two_appliers_of_one_plan_send_it_once(brand):
    brand.with_customers(40)
    brand.build()
    plan = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    results: list[str] = []

    def run() -> None:
        try:
            results.append(str(apply.apply_plan(brand.settings, plan.plan_id, mode="live").status))
        except (ApplierBusyError, PlanStateError) as error:
            results.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("sent") == 1, results
    assert brand.wecom.calls[MARK] == 40


def test_a_plan_can_be_claimed_once_even_without_the_file_lock(brand):
    brand.with_customers(1)
    brand.build()
    plan = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    with Ledger(brand.settings) as book:
        apply._claim(book, plan)
        with pytest.raises(PlanStateError, match="taken by another run"):
            apply._claim(book, plan)


def test_a_plan_that_drifted_expired_or_was_altered_is_refused(brand):
    brand.with_customers(5)
    brand.build()
    drifted = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    del brand.members["c000"]
    brand.build()
    with pytest.raises(PlanDriftError, match="plan again"):
        apply.apply_plan(brand.settings, drifted.plan_id, mode="live")
    assert plans.get_plan(brand.settings, drifted.plan_id).status == "superseded"
    altered = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    with Ledger(brand.settings) as book, book.writing() as db:
        part = tables.plan_parts
        rows = pq.read_table(
            io.BytesIO(db.execute(sa.select(part.c.content)).scalars().all()[-1])
        ).to_pylist()
        assert {each["action"] for each in rows} == {"add"}
        altered_rows = [{**rows[0], "row_key": "staff0|wm999"}, *rows[1:]]
        target = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(altered_rows), target)
        of_plan = part.c.plan_id == altered.plan_id
        db.execute(sa.update(part).where(of_plan).values(content=target.getvalue()))
    with pytest.raises(PlanTamperedError):
        apply.apply_plan(brand.settings, altered.plan_id, mode="live")
    late = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    with Ledger(brand.settings) as book, book.writing() as db:
        past = late.created_at - dt.timedelta(seconds=1)
        db.execute(
            sa.update(tables.plans).where(tables.plans.c.plan_id == late.plan_id).values(expires_at=past)
        )
    with pytest.raises(PlanExpiredError):
        plans.approve(brand.settings, late.plan_id, "lin")
    assert plans.get_plan(brand.settings, late.plan_id).status == "expired"
    assert not brand.wecom.calls


def test_the_brake_stops_a_mass_removal_until_a_person_approves(brand):
    brand.with_customers(80)
    brand.build()
    brand.sync()
    brand.members = {key: pairs for key, pairs in brand.members.items() if key < "c050"}
    brand.build()
    report = brand.sync()
    assert report.status == "needs_approval"
    assert "brake: 30 of 80" in report.reason
    assert {row.reason for row in plans.sample(brand.settings, report.plan.plan_id)} == {"brake"}
    assert len(brand.tagged()) == 80
    with pytest.raises(PlanNotApprovedError):
        apply.apply_plan(brand.settings, report.plan.plan_id, mode="live")
    plans.approve(brand.settings, report.plan.plan_id, "lin")
    next_day = brand.sync(as_of=AS_OF + dt.timedelta(days=1))
    assert (next_day.status, next_day.plan.approved_by) == ("sent", "lin"), "approval follows the same rows"
    assert len(brand.tagged()) == 50


def test_small_removals_pass_the_brake(brand):
    brand.with_customers(40)
    brand.build()
    brand.sync()
    brand.members = {key: pairs for key, pairs in brand.members.items() if key < "c020"}
    brand.build()
    assert brand.sync().status == "sent", "20 rows are not more than 20"


def test_only_our_own_tag_groups_are_touched(brand):
    brand.with_customers(2)
    brand.group = "会员等级"
    brand.build()
    with pytest.raises(PayloadError, match="not ours"):
        plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    assert not brand.wecom.calls


def test_tags_of_others_survive_and_a_renamed_tag_replaces_the_old_one(brand):
    brand.with_customers(2)
    brand.wecom.groups = {"会员等级": {"金卡": "et-gold"}}
    brand.wecom.marked["staff0", "wm000"] = {"et-gold"}
    brand.build()
    brand.sync()
    brand.tag = "沉睡180天"
    brand.build()
    report = brand.sync()
    assert (report.plan.changes, report.outcomes) == (2, {"sent": 2})
    assert brand.wecom.tags_of(("staff0", "wm000")) == {("会员等级", "金卡"), ("Siyu 生命周期", "沉睡180天")}


def test_a_token_that_dies_is_fetched_anew_and_a_wrong_secret_is_not_tried_again(brand):
    brand.with_customers(9)
    brand.wecom.faults["staff0", "wm003"].append("42001")
    brand.build()
    assert brand.sync().outcomes == {"sent": 9}
    assert brand.wecom.calls["gettoken"] == 2
    del brand.members["c001"]
    brand.build()
    brand.wecom.secret_is_wrong = True
    report = brand.sync()
    assert report.status == "failed"
    assert "SIYU_WECOM_SECRET" in report.reason
    assert brand.wecom.calls["gettoken"] == 3


def test_secrets_show_nowhere(brand, caplog):
    caplog.set_level(logging.DEBUG)
    brand.with_customers(3)
    brand.wecom.faults["staff0", "wm000"].append("40097")
    brand.wecom.faults["staff1", "wm001"].append("lost_before")
    brand.build()
    shown = [str(brand.sync()), str(log.sync_log(brand.settings).to_pylist())]
    brand.wecom.secret_is_wrong = True
    shown.append(str(brand.sync()))
    brand.settings.wecom_base_url = "http://127.0.0.1:9"  # nobody listens
    shown.append(str(brand.sync()))
    assert "not reached" in shown[-1]
    told = "\n".join(shown) + caplog.text + brand.settings.ledger_path.read_bytes().decode("latin-1")
    assert "planted" not in told


def test_a_broken_payload_is_refused_whole(brand):
    brand.with_customers(3)
    brand.members["c000"] = [("staff0", "wm000"), ("staff0", "wm000")]
    brand.build()
    report = brand.sync()
    assert report.status == "failed"
    assert "unique keys" in report.reason
    assert not brand.wecom.calls
    with pytest.raises(PayloadError, match="no segment"):
        plans.make_plan(brand.settings, "nobody", "wecom_tags", as_of=AS_OF)
    assert replace(report, reason=None).ok is False


def fill_library(brand, count):
    """Let the corp have so many tags of others."""
    brand.wecom.groups = {"会员": {f"t{n}": f"et-{n}" for n in range(count)}}


def test_few_tags_left_are_warned_of(brand):
    brand.with_customers(2)
    brand.build()
    fill_library(brand, 2698)
    report = brand.sync()
    assert (report.status, report.warnings) == ("sent", ())
    fill_library(brand, 2700)
    brand.tag = "沉睡180天"
    brand.build()
    report = brand.sync()
    assert report.status == "sent"
    assert "2,701 of at most 3,000 tags" in report.warnings[0]
    assert report.as_metadata()["warnings"] == list(report.warnings)


def test_beyond_the_limit_no_tag_is_made_and_nothing_sent(brand):
    brand.with_customers(2)
    brand.build()
    fill_library(brand, 3000)
    report = brand.sync()
    assert report.status == "failed"
    assert "less than 3,000 tags in the corp, it has 3,000" in report.reason
    assert (brand.tagged(), log.sync_log(brand.settings).num_rows) == (set(), 0)
    fill_library(brand, 2999)
    assert brand.sync().status == "sent"
