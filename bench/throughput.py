"""P14: how many rows a second activation sends to the sandbox, against what the platform lets anybody send."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from activation.apply import apply_plan
from activation.plans import make_plan
from activation.policy import Policy, load_policy
from activation.wecom_client import WecomClient
from activation.wecom_contacts import relations_with_tags
from bench.measure import Measure
from common.settings import Settings
from common.warehouse import connect
from orchestration.days import last_complete_day
from sandbox.credentials import as_environment
from sandbox.runner import running
from sandbox.world import WorldOptions

CALLS_A_MINUTE = 10_000
"""The platform's limit for one API of one corp; a tag takes one call a relation."""
CODE, GROUP = "everybody", "Siyu_bench"


def p14(rows: int, folder: Path, rounds: int) -> Measure:
    """Rows a second of whole live applies (intent, call, receipt) ÷ the rows a second that the platform allows.

    Every round gives all relations another tag. The sandbox works on the same cores meanwhile; ``cpu_ratio`` in
    the record counts this process alone.
    """
    rows = min(rows, CALLS_A_MINUTE - 100)  # more would wait for the next minute: that is the limit itself
    ceiling = CALLS_A_MINUTE / 60
    with (
        running(WorldOptions(extra_people=rows, shop_orders=10), folder / "sandbox") as base_url,
        _fast() as policy,
    ):
        hosts = {name.removeprefix("SIYU_").lower(): text for name, text in as_environment(base_url).items()}
        settings = Settings(_env_file=None, home=folder / "home", **hosts)  # type: ignore[arg-type]
        settings.home.mkdir()
        pairs = _relations(settings, policy, rows)
        rates, cpu_rates = [], []
        for number in range(rounds + 1):  # the first one pays for imports and connections
            _write_warehouse(settings, pairs, f"tag {number}")
            seconds, cpu = _apply(settings, len(pairs))
            rate = len(pairs) / seconds
            print(f"  round {number}: {len(pairs):,} rows in {seconds:.1f} s, {rate:,.0f} rows/s", flush=True)
            rates.append(rate)
            cpu_rates.append(len(pairs) / cpu)
    value = statistics.median(rates[1:]) / ceiling
    details = {"cpu_ratio": statistics.median(cpu_rates[1:]) / ceiling}
    return Measure("P14", value, "ratio", 1, "platform_ceiling_10000_calls_a_minute", len(pairs), details)


@contextmanager
def _fast() -> Iterator[Policy]:
    """The shipped policy at the platform's own limits, and with nothing to approve."""
    shipped = load_policy()
    policy = shipped.model_copy(
        update={
            "wecom_tags": shipped.wecom_tags.model_copy(
                update={"calls_per_minute": CALLS_A_MINUTE, "in_flight": 5}
            )
        }
    )
    with mock.patch("activation.apply.load_policy", return_value=policy):
        yield policy


def _relations(settings: Settings, policy: Policy, rows: int) -> list[tuple[str, str]]:
    client = WecomClient(settings, policy.wecom_tags)
    found = sorted({(userid, external) for userid, external, _ in relations_with_tags(client)})
    client.close()
    return found[:rows]


def _write_warehouse(settings: Settings, pairs: list[tuple[str, str]], tag: str) -> None:
    settings.warehouse_path.unlink(missing_ok=True)
    values = ", ".join(f"('{userid}', '{external}')" for userid, external in pairs)
    with connect(settings.warehouse_path) as db:
        db.execute("create schema marts; create schema activation")
        db.execute(
            f"create table marts.segments as select '{CODE}' as segment_code, 'P14' as name_zh, "
            f"'wecom_tags' as destinations, '{GROUP}' as tag_group_name, '{tag}' as tag_name, 1 as rule_version"
        )
        db.execute(
            f"create table activation.act_wecom__segment_tags as select '{CODE}' as segment_code, "
            f"'{GROUP}' as tag_group_name, '{tag}' as tag_name, 'c' || external_userid as customer_id, userid, "
            f"external_userid from (values {values}) as t(userid, external_userid)"
        )
        db.execute(
            f"create table marts.segment_members as select distinct '{CODE}' as segment_code, customer_id, "
            "false as is_holdout from activation.act_wecom__segment_tags"
        )


def _apply(settings: Settings, rows: int) -> tuple[float, float]:
    plan = make_plan(settings, CODE, "wecom_tags", as_of=last_complete_day(settings))
    began, cpu = time.perf_counter(), time.process_time()
    report = apply_plan(settings, plan.plan_id, mode="live")
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    if report.outcomes != {"sent": rows}:
        raise AssertionError(f"expected {rows} rows sent, got {dict(report.outcomes)} ({report.reason})")
    return seconds, spent
