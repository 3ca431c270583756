"""Messages with the ledger on PostgreSQL, and two appliers at once: the last place of a cap is given once."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import psycopg
import pytest
from message_brand import SEGMENT, Member, journey
from pydantic import SecretStr
from servers import postgresql

from activation import log
from activation.apply import apply_plan

OTHER = "regulars"


@pytest.fixture(scope="module")
def server():
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def brand(request, message_brand):
    if request.param == "postgresql":
        server = request.getfixturevalue("server")
        name = f"messages_{abs(hash(request.node.name))}"
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(f'create database "{name}"')
        message_brand.settings.ledger_url = SecretStr(server.replace("@/postgres?", f"@/{name}?"))
    return message_brand


def ready(brand, segments, **policy):
    journeys = [journey(f"to_{each}", segment=each) for each in segments]
    brand.write_rules(journeys, **{"caps": [], "allowance_per_month": {}, **policy})
    for each in segments:
        brand.members[each] = [Member(customer) for customer in brand.customers(20)]
    brand.build()


def test_messages_are_created_settled_and_told(brand):
    ready(brand, [SEGMENT])
    assert brand.sync("wecom_messages").outcomes == {"waiting": 20}
    brand.until_settled("wecom_messages")
    rows = log.contact_ledger(brand.settings).to_pylist()
    assert {row["state"] for row in rows} <= {"sent", "refused"}
    assert sum(row["state"] == "sent" for row in rows) == len(brand.arrived()) > 0


def test_two_appliers_at_once_do_not_breach_a_cap(brand, monkeypatch):
    monkeypatch.setattr("activation.messages.planning.withhold", lambda db, book, ration: None)
    cap = {"destinations": ["wecom_messages"], "most": 1, "period": "month"}
    ready(brand, [SEGMENT, OTHER], caps=[cap])
    plans = [brand.plan("wecom_messages", each).plans[0] for each in (SEGMENT, OTHER)]
    fork = multiprocessing.get_context("fork")
    appliers = [
        fork.Process(target=apply_plan, args=(brand.settings, each.plan_id), kwargs={"mode": "live"})
        for each in plans
    ]
    for each in appliers:
        each.start()
    for each in appliers:
        each.join(120)
    assert [each.exitcode for each in appliers] == [0, 0]
    rows = log.contact_ledger(brand.settings).to_pylist()
    assert Counter(Counter(row["customer_id"] for row in rows).values()) == {1: 20}
    tasks = brand.desk.state.sent.tasks.values()
    written_to = Counter(one for task in tasks for receivers in task.receivers.values() for one in receivers)
    assert set(written_to.values()) == {1}
