"""The ledger on PostgreSQL: the same promises as on SQLite, against a real server."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import threading

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from servers import postgresql

from activation import apply, log, plans, store
from activation.audit import audit
from activation.contracts import ActivationError, ApplierBusyError, PlanStateError
from activation.ledger import Ledger, LedgerError
from activation.tables import deliveries, destination_state

AS_OF = dt.date(2026, 3, 1)
MARK = "externalcontact/mark_tag"


@pytest.fixture(scope="module")
def server():
    with postgresql() as url:
        yield url


@pytest.fixture
def on_postgresql(brand, server, request):
    """The brand with a ledger in a database of its own."""
    name = f"ledger_{abs(hash(request.node.name))}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f'create database "{name}"')
    brand.settings.ledger_url = SecretStr(server.replace("@/postgres?", f"@/{name}?"))
    return brand


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, brand):
    """The brand with each kind of ledger in turn."""
    return request.getfixturevalue("on_postgresql") if request.param == "postgresql" else brand


def test_a_segment_is_sent_changed_and_read_back(on_postgresql):
    brand = on_postgresql
    brand.with_customers(50)
    brand.wecom.faults["staff0", "wm000"].append("lost_after")
    brand.wecom.faults["staff1", "wm001"].append("40097")
    brand.build()
    first = brand.sync()
    assert (first.status, first.outcomes) == ("in_doubt", {"sent": 48, "in_doubt": 1, "refused": 1})
    del brand.members["c007"]
    brand.build()
    second = brand.sync()
    assert (second.settled, second.outcomes) == ({"sent": 1}, {"sent": 2})
    assert brand.sync().plan.rows == 0
    assert len(brand.tagged()) == 49
    assert audit(brand.settings, brand.code, "wecom_tags").agrees
    tables = log.public_tables(brand.settings)
    assert tables["destination_state"].num_rows == 49
    assert tables["sync_log"].num_rows == 52
    assert not brand.settings.ledger_path.exists()


def test_a_ledger_that_cannot_be_reached_says_so_without_its_password(on_postgresql):
    brand = on_postgresql
    brand.settings.ledger_url = SecretStr("postgresql://crm:planted-secret@127.0.0.1:9/ledger")
    with pytest.raises(LedgerError, match="SIYU_LEDGER_URL") as refused:
        Ledger(brand.settings)
    assert "planted" not in str(refused.value)
    brand.settings.ledger_url = SecretStr("mysql://crm@127.0.0.1/ledger")
    with pytest.raises(LedgerError, match="expected postgresql://, got mysql://"):
        Ledger(brand.settings)


def test_two_appliers_of_one_plan_send_it_once(either):
    brand = either
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


def test_a_second_open_intent_for_a_row_is_impossible(either):
    brand = either
    brand.with_customers(1)
    brand.build()
    first = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    row = plans.sample(brand.settings, first.plan_id)
    brand.tag = "沉睡180天"
    brand.build()
    second = plans.make_plan(brand.settings, brand.code, "wecom_tags", as_of=AS_OF)
    with Ledger(brand.settings) as book:
        with book.writing() as db:
            store.write_intents(db, first, row)
        with pytest.raises(ActivationError, match="another run intends"):
            apply._intend(book, second, row)


def _hold(settings, held, done) -> None:
    with Ledger(settings) as book, book.exclusive("dormant", "wecom_tags"):
        held.set()
        done.wait(60)


def test_a_killed_applier_lets_go_of_its_lock(either):
    brand = either
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(brand.settings, held, done))
    child.start()
    assert held.wait(60)
    with (
        Ledger(brand.settings) as book,
        pytest.raises(ApplierBusyError),
        book.exclusive("dormant", "wecom_tags"),
    ):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    for _ in range(200):  # the server notices within moments that the client is gone
        try:
            with Ledger(brand.settings) as book, book.exclusive("dormant", "wecom_tags"):
                return
        except ApplierBusyError:
            threading.Event().wait(0.05)
    pytest.fail("the lock outlived its holder")


def test_a_state_copy_and_what_changed_since_are_the_state(either, monkeypatch):
    brand = either
    monkeypatch.setattr("activation.known.COPY_FROM_ROWS", 10)
    brand.with_customers(60)
    brand.build()
    brand.sync()
    for gone in ("c001", "c002", "c003"):
        del brand.members[gone]
    brand.build()
    assert brand.sync().plan.removes == 3
    assert len(list(brand.settings.state_copies_dir.glob("*.parquet"))) == 1
    brand.members["c001"] = [("staff1", "wm001")]
    del brand.members["c005"]
    brand.build()
    report = brand.sync()
    assert (report.plan.adds, report.plan.removes, report.plan.known) == (1, 1, 57)
    for number in range(6, 26):
        del brand.members[f"c{number:03d}"]
    brand.build()
    before = set(brand.settings.state_copies_dir.iterdir())
    brand.sync()
    report = brand.sync()
    assert (report.plan.known, report.plan.rows) == (37, 0)
    assert len(brand.tagged()) == 37
    assert set(brand.settings.state_copies_dir.iterdir()) != before, "it outgrew its copy"
    for path in brand.settings.state_copies_dir.iterdir():
        path.unlink()
    assert brand.sync().plan.rows == 0, "the ledger alone is enough"
    with Ledger(brand.settings) as book, book.reading() as db:
        there = db.execute(sa.select(sa.func.count()).where(sa.not_(destination_state.c.is_gone))).scalar()
        sent = db.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar()
    assert (there, sent) == (37, 60 + 3 + 2 + 20)
