"""Verdicts become asset checks; a warning is not a failure, and nothing arrived is not a verdict."""

from __future__ import annotations

import dagster as dg

from expectations.verdict import Failure
from orchestration.assets.checks import advisory_result, critical_result
from tests.orchestration.verdicts import verdict

KEY = dg.AssetKey(["wecom", "staff"])
BAD = Failure("expect_column_values_to_not_be_null", "userid", "a staff member has an id", 3)


def test_critical__fails_with_the_reason_when_held() -> None:
    check = critical_result(KEY, [verdict().as_metadata(), verdict(critical=(BAD,)).as_metadata()])
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert "a staff member has an id (3 rows)" in str(check.metadata["reason"].value)
    assert check.metadata["rows"].value == 20


def test_critical__fails_when_it_could_not_be_judged_or_fetched() -> None:
    assert not critical_result(KEY, [verdict(error="SuiteError: gone").as_metadata()]).passed
    unfetched = critical_result(KEY, [], error="ConnectionError: no route")
    assert not unfetched.passed
    assert unfetched.metadata["reason"].value == "ConnectionError: no route"


def test_advisory__warns_and_leaves_the_critical_one_green() -> None:
    warned = [verdict(advisory=(BAD,)).as_metadata()]
    assert critical_result(KEY, warned).passed
    check = advisory_result(KEY, warned)
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN


def test_checks__pass_and_say_so_when_nothing_arrived() -> None:
    check = critical_result(KEY, [])
    assert check.passed
    assert check.metadata["judged"].value == "nothing new arrived"
    assert advisory_result(KEY, []).passed
