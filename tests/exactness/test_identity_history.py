"""Whose an identifier was on a past evening, against what was known then: limits and corrections included."""

from __future__ import annotations

import datetime as dt
import os

from hypothesis import HealthCheck, Phase, given, seed, settings

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import Step, deliver, histories

FIRST_EVENING = dt.datetime(2026, 6, 1, 9, tzinfo=UTC)
# What joins people and takes them apart.
KINDS = ("order", "member", "store_member", "contact", "unionid", "decision", "follow", "lead")
IDENTITY = "+bridge_customer_identities +identity_moves"


def test_past_evenings__are_what_was_known_then(home: DbtHome) -> None:
    moved = []

    @seed(20261122)
    @settings(
        max_examples=int(os.environ.get("SIYU_TEST_HISTORIES", "2")),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(KINDS, fewest=40))
    def compare(steps: list[Step]) -> None:
        moved.append(past_equals_what_was_known(home, steps))

    compare()
    assert sum(moved) > 0, "nobody ever moved: nothing was compared"


def past_equals_what_was_known(home: DbtHome, steps: list[Step]) -> int:
    """Run a history of one step a day; then look back at each evening. Returns how many moves there were."""
    home.clear()
    evenings = {}
    for number, step in enumerate(steps):
        at = FIRST_EVENING + dt.timedelta(days=number)
        deliver(home.lake, step, at)
        home.run(steps[-1].as_of.isoformat())
        evenings[at.date()] = at + dt.timedelta(hours=1)
    told = {day: identities(home, day) for day in evenings}
    moves = home.query("select count(*) from marts.identity_moves")[0][0]
    home.put_warehouse_aside("step_by_step")
    for day, at in evenings.items():
        home.warehouse.unlink(missing_ok=True)
        home.run(steps[-1].as_of.isoformat(), known_at=at.strftime("%Y%m%dT%H%M%S%fZ"), select=IDENTITY)
        known = home.query("select identifier_key, customer_id from marts.bridge_customer_identities")
        assert told[day] == set(known), f"evening of {day}"
    return moves


def identities(home: DbtHome, day: dt.date) -> set[tuple[str, str]]:
    """What the macro that users have says of an evening."""
    compiled = home.invoke(["compile", "--inline", "{{ identities_on('" + day.isoformat() + "') }}"])
    assert compiled.success, compiled.exception
    return set(home.query(compiled.result.results[0].node.compiled_code))
