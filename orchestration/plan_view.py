"""Shows a segment's plans to a person: what would change, what is held back, and how to go on. Ids only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from common.settings import Settings
from orchestration.project import segment_named
from orchestration.sending import plan_destinations

if TYPE_CHECKING:
    from activation.contracts import Change, Plan

SAMPLE_ROWS = 10


def show_plans(settings: Settings, segment_code: str, console: Console) -> None:
    """Plan a segment anew and print the plans. Nothing is sent.

    Raises:
        ProjectError: no such segment.
        ActivationError: it cannot be planned.
    """
    from activation.contracts import ActivationError

    planned = plan_destinations(
        settings.model_copy(update={"activation_mode": "dry_run"}), segment_named(segment_code)
    )
    for plan in planned.plans:
        _show(settings, plan, console)
    if planned.errors:
        raise ActivationError("; ".join(f"{name}: {why}" for name, why in planned.errors.items()))


def _left_out(settings: Settings, plan: Plan) -> list[Change]:
    """Return messages that would go out if it were not for caps, quiet hours and the like; nothing for sets."""
    from activation.destinations import MESSAGE_NAMES
    from activation.plans import sample

    if plan.destination not in MESSAGE_NAMES or not plan.held:
        return []
    return sample(settings, plan.plan_id, limit=SAMPLE_ROWS, held=True)


def _show_rows(rows: list[Change], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("action", "row", "customer", "through", "says"):
        table.add_column(name)
    for row in rows:
        action = f"{row.action}: {row.reason}" if row.reason else str(row.action)
        says = "/".join(
            str(row.values[name]) for name in ("content_code", "variant_code") if row.values.get(name)
        )
        table.add_row(action, row.row_key, row.customer_id, str(row.values.get("sender", "")), says)
    console.print(table)


def _show(settings: Settings, plan: Plan, console: Console) -> None:
    from activation.plans import sample

    console.print(
        f"\n[bold]{plan.segment_code} -> {plan.destination}[/]  as of {plan.as_of}, plan {plan.plan_id}"
    )
    console.print(
        f"add {plan.adds:,}, change {plan.changes:,}, remove {plan.removes:,}, unchanged {plan.unchanged:,}; "
        f"about {plan.estimated_calls:,} calls, {plan.estimated_minutes:.1f} min"
    )
    for reason, count in plan.held.items():
        console.print(f"held back {count:,}: {reason}")
    rows = sample(settings, plan.plan_id, limit=SAMPLE_ROWS)
    if rows:
        _show_rows(rows, console)
        if plan.rows > len(rows):
            console.print(f"... and {plan.rows - len(rows):,} more")
    left_out = _left_out(settings, plan)
    if left_out:
        console.print("left out now, first of them:")
        _show_rows(left_out, console)
    console.print(f"{plan.status}" + (f": {plan.reason}" if plan.reason else ""))
    if plan.rows:
        step = "approve" if plan.status == "needs_approval" else "apply"
        option = " --by NAME" if step == "approve" else " --live"
        console.print(f"next: `siyu {step} {plan.plan_id}{option}`")
