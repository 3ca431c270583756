"""A held segment leaves only when somebody says so by name, and only with the rows that were looked at."""

from __future__ import annotations

import pytest

from activation import plans
from activation.overrides import OverrideError, PayloadHeldError
from orchestration import sending
from orchestration.project import SegmentSpec


@pytest.fixture
def segment(brand, monkeypatch):
    spec = SegmentSpec(brand.code, brand.name_zh, "", "crm", ("wecom_tags",))
    monkeypatch.setattr(sending, "segment_named", lambda code: spec)
    monkeypatch.setattr(sending, "built_as_of", lambda settings: None)
    return spec


@pytest.fixture
def held(brand, segment):
    """One contact that two customers claim: the gate holds that."""
    brand.members = {"c000": [("staff0", "wm000")], "c001": [("staff1", "wm000")]}
    brand.wecom.relations |= {("staff0", "wm000"), ("staff1", "wm000")}
    brand.build()
    return brand


def verdicts(brand, segment):
    planned = sending.plan_destinations(brand.settings, segment)
    return sending.judge_payloads(brand.settings, segment, planned.plans)


def test_a_held_payload_leaves_only_overridden_and_only_as_it_was(held, segment):
    assert [each["held"] for each in verdicts(held, segment)] == [True]
    plan_id = sending.plan_destinations(held.settings, segment).plans[0].plan_id
    with pytest.raises(PayloadHeldError, match="siyu override dormant --by NAME --reason WHY"):
        sending.refuse_held(held.settings, plan_id)
    with pytest.raises(OverrideError, match="who overrides"):
        sending.override_held(held.settings, segment, by="", reason="x")
    [told] = sending.override_held(held.settings, segment, by="lin", reason="a family account")
    assert told.startswith("activation/act_wecom__segment_tags: ")
    [verdict] = verdicts(held, segment)
    assert not verdict["held"]
    assert verdict["reason"].endswith("overridden by lin: a family account")
    sending.refuse_held(held.settings, plan_id)
    with pytest.raises(OverrideError, match="nothing of segment 'dormant' is held"):
        sending.override_held(held.settings, segment, by="lin", reason="again")

    held.members["c002"] = [("staff2", "wm000")]
    held.build()
    assert [each["held"] for each in verdicts(held, segment)] == [True], "other rows are judged anew"


def test_a_payload_that_passes_needs_no_override(brand, segment):
    brand.with_customers(3)
    brand.build()
    plan = plans.make_plan(
        brand.settings, brand.code, "wecom_tags", as_of=sending.last_complete_day(brand.settings)
    )
    sending.refuse_held(brand.settings, plan.plan_id)
    with pytest.raises(OverrideError, match="nothing of segment 'dormant' is held"):
        sending.override_held(brand.settings, segment, by="lin", reason="x")
