"""Subscribe messages of the mini-program: whose openids they go to, and what the platform answers."""

from __future__ import annotations

import pytest
from message_brand import SEGMENT, MessageBrand
from message_places import PLACES
from pydantic import SecretStr

from activation import log
from activation.consent import record
from activation.destinations.miniprogram_messages import MiniprogramMessages
from common.warehouse import connect
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID

NAME = "miniprogram_messages"


def rows_of(brand: MessageBrand) -> list[dict[str, object]]:
    return log.contact_ledger(brand.settings).to_pylist()


def test_only_openids_of_the_configured_app_are_written_to(message_brand: MessageBrand) -> None:
    PLACES[NAME](message_brand).ready(40)
    message_brand.sync(NAME)
    rows = rows_of(message_brand)
    assert {row["sender"] for row in rows} == {SANDBOX_MINIPROGRAM_APP_ID}
    assert {str(row["receiver"])[:5] for row in rows} == {"oMini"}
    assert {row["code"] for row in rows} == {"0", "43101"}


def test_an_openid_of_another_app_is_refused_by_the_platform_and_told(message_brand: MessageBrand) -> None:
    """As when the app id of the home is another one than that of its credentials' mini-program."""
    place = PLACES[NAME](message_brand)
    place.ready(40)
    with connect(message_brand.settings.warehouse_path) as db:
        db.execute("update activation.act_wechat__receivers set openid = 'oOther' || openid")
    report = place.sync()
    assert set(report.outcomes) == {"refused"}
    assert {(row["code"], row["code_class"]) for row in rows_of(message_brand)} == {
        ("40003", "relation_ended")
    }


def test_what_the_platform_calls_wrong_parameters_needs_a_person(
    message_brand: MessageBrand, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = PLACES[NAME](message_brand)
    place.ready(40)
    monkeypatch.setattr(MiniprogramMessages, "more_body", lambda self: {"miniprogram_state": "beta"})
    place.sync()
    rows = rows_of(message_brand)
    assert rows
    assert {(row["state"], row["code"], row["code_class"]) for row in rows} == {
        ("refused", "47003", "needs_person")
    }
    assert not message_brand.desk.state.sent.subscription_uses


def test_without_an_app_id_nothing_is_planned_and_the_next_step_told(message_brand: MessageBrand) -> None:
    PLACES[NAME](message_brand).ready(5)
    message_brand.settings = message_brand.settings.model_copy(update={"miniprogram_app_id": None})
    planned = message_brand.plan(NAME)
    assert not planned.plans
    assert "set it as the registers and orders" in planned.errors[NAME]


def test_no_to_the_mini_program_leaves_the_official_account_open(message_brand: MessageBrand) -> None:
    customers = PLACES[NAME](message_brand).ready(40)
    for each in customers:
        record(message_brand.settings, each, "miniprogram", is_allowed=False, by="tester")
    plan = message_brand.plan(NAME).plans[0]
    assert (plan.rows, plan.held["opted_out"] > 0) == (0, True)
    PLACES["subscribe_messages"](message_brand).ready(40)
    assert message_brand.plan("subscribe_messages", SEGMENT).plans[0].rows > 0


def test_a_wrong_secret_stops_it_and_names_the_settings_to_look_at(message_brand: MessageBrand) -> None:
    PLACES[NAME](message_brand).ready(20)
    wrong = {"miniprogram_secret": SecretStr("wrong-secret-value")}
    message_brand.settings = message_brand.settings.model_copy(update=wrong)
    report = message_brand.sync(NAME)
    assert report.status == "refused"
    assert "check SIYU_MINIPROGRAM_APP_ID and SIYU_MINIPROGRAM_SECRET" in str(report.reason)
    assert "wrong-secret-value" not in str(report)
    assert not message_brand.desk.state.sent.subscription_uses
