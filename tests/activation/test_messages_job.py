"""The job that sends messages by day: due, gated, sent; nothing at night; a payload that fails holds its segment."""

from __future__ import annotations

import dagster as dg
import pytest
from message_brand import SEGMENT, START, Member, journey

from common.warehouse import connect
from orchestration.home import release
from orchestration.project import SegmentSpec
from orchestration.touches import messages_job


@pytest.fixture
def job(message_brand):
    message_brand.write_rules([journey()], caps=[], allowance_per_month={})
    message_brand.members[SEGMENT] = [Member(each) for each in message_brand.customers(6)]
    message_brand.build()
    settings = message_brand.settings.model_copy(update={"activation_mode": "live"})
    segment = SegmentSpec(SEGMENT, SEGMENT, "", "operations", ("wecom_tags", "wecom_messages"))
    yield messages_job(settings, [segment])
    release(settings)


def test_it_sends_what_is_due_and_nothing_at_night(message_brand, job):
    message_brand.move(START.replace(hour=7))
    assert job.execute_in_process().success
    assert not message_brand.desk.state.sent.tasks
    message_brand.move(START)
    assert job.execute_in_process().success
    receivers = [
        each for task in message_brand.desk.state.sent.tasks.values() for each in task.receivers.values()
    ]
    assert sum(map(len, receivers)) == 6


def test_a_payload_that_the_gate_does_not_let_pass_is_not_sent(message_brand, job):
    with connect(message_brand.settings.warehouse_path) as db:
        db.execute("insert into activation.act_wecom__receivers from activation.act_wecom__receivers limit 1")
    with pytest.raises(dg.Failure, match="held by the gate"):
        job.execute_in_process()
    assert not message_brand.desk.state.sent.tasks
