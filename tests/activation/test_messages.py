"""Mass-message tasks: created once, waiting for staff, delivered or refused, each with a receipt."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from message_brand import SEGMENT, Member, journey

from activation import log


def outcomes(brand, destination="wecom_messages"):
    rows = log.sync_log(brand.settings).to_pylist()
    return Counter(row["outcome"] for row in rows if row["destination"] == destination)


def ready(brand, count=12, **fields):
    brand.write_rules([journey(**fields)])
    brand.members[SEGMENT] = [Member(each) for each in brand.customers(count)]
    brand.build()


def test_a_task_that_staff_did_not_confirm_is_not_sent(message_brand):
    ready(message_brand)
    report = message_brand.sync("wecom_messages")
    assert (report.status, report.outcomes, report.ok) == ("waiting", {"waiting": 12}, True)
    assert message_brand.arrived() == []
    again = message_brand.sync("wecom_messages")
    assert (again.plan.rows, again.plan.held) == (0, {"waiting_for_staff": 12})


def test_who_confirms_sends_and_who_does_not_is_taken_back(message_brand):
    ready(message_brand, 40)
    message_brand.sync("wecom_messages")
    message_brand.until_settled("wecom_messages")
    told = outcomes(message_brand)
    receivers = [receiver for receiver, *_ in message_brand.arrived()]
    assert len(receivers) == len(set(receivers)) == told["sent"] > 0
    assert told["sent"] + told["refused"] == 40
    rows = {row["row_key"]: row for row in log.sync_log(message_brand.settings).to_pylist()}
    assert {row["code_class"] for row in rows.values() if row["outcome"] == "refused"} <= {"not_confirmed"}
    sent_at = {
        row["receiver"]: row["sent_at"] for row in log.contact_ledger(message_brand.settings).to_pylist()
    }
    for receiver, _, at, _ in message_brand.arrived():
        assert sent_at[receiver] == dt.datetime.fromtimestamp(at, dt.UTC)
    message_brand.build()
    assert message_brand.sync("wecom_messages").plan.rows == 0, "a step is said once for each entry"
