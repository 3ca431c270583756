"""What the gate holds of WeCom statistics, mass messages, moments and single contacts, and what it only tells."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import gate_samples as samples
import pytest
from gate_samples_wecom import WECOM_PAYLOADS

from expectations.runner import judge
from expectations.spec import raw_suite_name
from expectations.verdict import Verdict

DETAILS, GROUP_DAYS, STAFF_DAYS = "wecom/contact_details", "wecom/group_stats", "wecom/staff_behavior"
MESSAGES, SENDS, TASKS = "wecom/mass_messages", "wecom/mass_message_sends", "wecom/mass_message_tasks"
MOMENTS, VIEWS, LIKES = "wecom/moments", "wecom/moment_sends", "wecom/moment_interactions"


def judged(tmp_path: Path, stream_key: str, path: str, value: Any) -> Verdict:
    """Judge good rows with one field of the first payload replaced, and the key that goes with it."""
    payload = copy.deepcopy(WECOM_PAYLOADS[stream_key][0][0])
    target: Any = payload
    *parents, last = path.split(".")
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[last] = value
    row = samples.good_rows(stream_key)[0]
    row |= {
        "payload": json.dumps(payload, ensure_ascii=False),
        "record_key": WECOM_PAYLOADS[stream_key][1](payload),
    }
    rows = [row, *samples.good_rows(stream_key)[1:]]
    return judge(
        raw_suite_name(stream_key), parts=samples.arrived(tmp_path, stream_key, rows), subject=stream_key
    )


@pytest.mark.parametrize(
    ("stream_key", "path", "value", "why"),
    [
        (DETAILS, "follow_user", None, "would seem to be gone"),
        (DETAILS, "follow_user.0.userid", None, "has a staff member"),
        (DETAILS, "external_contact.unionid", "0", "filler"),
        (DETAILS, "relations_hash", None, "read again at every run"),
        (GROUP_DAYS, "stat_time", 1735660800000, "in seconds"),
        (GROUP_DAYS, "stat_time", 1735660801, "midnight in Shanghai"),
        (GROUP_DAYS, "data.member_total", None, "sums lie"),
        (GROUP_DAYS, "data.new_member_cnt", -1, "not negative"),
        (STAFF_DAYS, "new_contact_cnt", None, "sums lie"),
        (STAFF_DAYS, "stat_time", 1735689600, "midnight in Shanghai"),
        (MESSAGES, "chat_type", "both", "single and groups for group"),
        (MESSAGES, "create_time", None, "in seconds"),
        (SENDS, "status", None, "whether it was delivered"),
        (SENDS, "receiver", "wmSomebodyElse", "as the platform said it"),
        (TASKS, "userid", "a b", "belongs to a staff member"),
        (MOMENTS, "create_time", "yesterday", "in seconds"),
        (VIEWS, "external_userid", "wm 1", "without spaces"),
        (LIKES, "kind", "love", "told apart by kind"),
        (LIKES, "person_id", "wmSomebodyElse", "that the platform named"),
    ],
)
def test_what_would_mislead_is_held(tmp_path: Path, stream_key: str, path: str, value: Any, why: str) -> None:
    verdict = judged(tmp_path, stream_key, path, value)
    assert verdict.status == "failed", verdict.reason
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("stream_key", "path", "value", "why"),
    [
        (DETAILS, "follow_user.0.tags.0.type", 9, "anything else is new"),
        (STAFF_DAYS, "reply_percentage", 8750, "in percent"),
        (STAFF_DAYS, "chat_cnt", 0, "sum over all staff"),
        (SENDS, "status", 7, "anything else is new"),
        (MOMENTS, "visible_type", 5, "anything else is new"),
    ],
)
def test_what_is_only_odd_is_told_and_let_pass(
    tmp_path: Path, stream_key: str, path: str, value: Any, why: str
) -> None:
    verdict = judged(tmp_path, stream_key, path, value)
    assert verdict.status == "warned", verdict.reason
    assert [failure.why for failure in verdict.advisory_failures if why in failure.why]
