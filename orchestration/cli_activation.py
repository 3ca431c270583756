"""`siyu plan`, `siyu approve`, `siyu apply`: sending by hand, the same way the daily job does it."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal


def add_activation_commands(app: typer.Typer) -> None:
    """Register the commands with the app."""
    for command in (plan, approve, apply):
        app.command()(command)


def plan(segment: Annotated[str, typer.Argument(help="Segment code, as `siyu status` shows it.")]) -> None:
    """Show what would change at each destination of a segment, row by row. Nothing is sent."""
    from orchestration.plan_view import show_plans

    try:
        show_plans(settings_or_refuse(), segment, terminal())
    except expected_errors() as error:
        refuse(error)


def approve(
    plan_id: str, by: Annotated[str, typer.Option(help="Who says so; it is kept in the ledger.")]
) -> None:
    """Let a plan pass that the policy does not let pass by itself."""
    from activation.plans import approve as approve_plan

    try:
        approved = approve_plan(settings_or_refuse(), plan_id, by)
    except expected_errors() as error:
        refuse(error)
    terminal().print(
        f"{plan_id} is {approved.status}, by {approved.approved_by}; next: `siyu apply {plan_id} --live`"
    )


def apply(
    plan_id: str,
    live: Annotated[bool, typer.Option("--live", help="Send; without it nothing leaves.")] = False,
) -> None:
    """Apply exactly this plan."""
    from activation.apply import apply_plan
    from orchestration.demo import outside

    console = terminal()
    try:
        with outside(settings_or_refuse(), line=console.print) as reachable:
            report = apply_plan(reachable, plan_id, mode="live" if live else "dry_run")
    except expected_errors() as error:
        refuse(error)
    outcomes = ", ".join(f"{count} {name}" for name, count in report.outcomes.items()) or "nothing was sent"
    console.print(
        f"{report.segment_code} -> {report.destination} ({report.mode}): {report.status}, {outcomes}"
    )
    raise typer.Exit(0 if report.ok else EXIT_FAILED)
