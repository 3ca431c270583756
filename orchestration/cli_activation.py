"""`siyu plan`, `approve`, `apply` and what belongs to them: by hand what the daily job does by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal

ledger_app = typer.Typer(no_args_is_help=True, help="The ledger: what was planned, sent and received.")


def add_activation_commands(app: typer.Typer) -> None:
    """Register the commands with the app."""
    for command in (plan, approve, apply, override, reconcile, consent):
        app.command()(command)
    app.add_typer(ledger_app, name="ledger")


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
    from orchestration.sending import refuse_held

    console = terminal()
    try:
        if live:
            refuse_held(settings_or_refuse(), plan_id)
        with outside(settings_or_refuse(), line=console.print) as reachable:
            report = apply_plan(reachable, plan_id, mode="live" if live else "dry_run")
    except expected_errors() as error:
        refuse(error)
    outcomes = ", ".join(f"{count} {name}" for name, count in report.outcomes.items()) or "nothing was sent"
    console.print(
        f"{report.segment_code} -> {report.destination} ({report.mode}): {report.status}, {outcomes}"
    )
    raise typer.Exit(0 if report.ok else EXIT_FAILED)


def override(
    segment: Annotated[str, typer.Argument(help="Segment code that the gate holds.")],
    by: Annotated[str, typer.Option(help="Who says so; it is kept in the ledger.")],
    reason: Annotated[str, typer.Option(help="Why it may leave all the same; it is kept too.")],
) -> None:
    """Let a held segment leave, with exactly the rows it has now. The next run sends it."""
    from orchestration.project import segment_named
    from orchestration.sending import override_held

    try:
        passed = override_held(settings_or_refuse(), segment_named(segment), by=by, reason=reason)
    except expected_errors() as error:
        refuse(error)
    for each in passed:
        terminal().print(f"overridden: {each}", markup=False)
    terminal().print("kept in the ledger (gate_overrides); rows that change are judged anew")


def reconcile(
    segment: Annotated[str | None, typer.Argument(help="Segment code; without it all.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Correct the ledger by what is there.")] = False,
) -> None:
    """Read back what is at the destinations and compare it with the ledger. Nothing is sent."""
    from activation.audit import AuditReport, NotObservableError, audit_all
    from orchestration.demo import outside

    console, agree = terminal(), True
    try:
        with outside(settings_or_refuse(), line=console.print) as reachable:
            found = audit_all(reachable, segment, repair=repair)
    except expected_errors() as error:
        refuse(error)
    if not found:
        refuse(
            ValueError(f"nothing was ever planned{f' for {segment!r}' if segment else ''}; see `siyu plan`")
        )
    for name, report in found:
        if isinstance(report, AuditReport):
            console.print(report.line(), markup=False)
            agree = agree and (report.agrees or report.is_repaired)
        else:
            console.print(f"{name}: {report}", markup=False)
            agree = agree and isinstance(report, NotObservableError)
    raise typer.Exit(0 if agree else EXIT_FAILED)


def consent(
    word: Annotated[str, typer.Argument(help="allow or deny.")],
    customer: Annotated[str, typer.Argument(help="customer_id, or an identifier as type:value.")],
    by: Annotated[str, typer.Option(help="Who records it; it is kept in the ledger.")],
    channel: Annotated[str, typer.Option(help="wecom, file, tools, or all.")] = "all",
    reason: Annotated[str | None, typer.Option(help="What she said, or where.")] = None,
) -> None:
    """Record that a customer allows or denies to be reached. Denied, what she got is taken away again."""
    from activation.consent import record

    try:
        if word not in ("allow", "deny"):
            raise ValueError(f"expected allow or deny, got {word!r}")
        keys = record(
            settings_or_refuse(), customer, channel, is_allowed=word == "allow", by=by, reason=reason
        )
    except expected_errors() as error:
        refuse(error)
    terminal().print(f"recorded for {len(keys)} identifiers; the next plan follows it", markup=False)


@ledger_app.command("prune")
def prune(
    keep_days: Annotated[int, typer.Option(help="Receipts of the last so many days stay in the ledger.")],
) -> None:
    """Move old receipts to Parquet files in the home; sync_log stays whole, the ledger becomes small."""
    from activation.archive import prune as prune_ledger

    try:
        done = prune_ledger(settings_or_refuse(), keep_days=keep_days)
    except expected_errors() as error:
        refuse(error)
    where = f" to {done.archive_id}.parquet" if done.archive_id else ""
    terminal().print(f"{done.receipts:,} receipts moved{where}; the rows of {done.plans:,} plans forgotten")
