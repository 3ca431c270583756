"""The `siyu` command. Each command imports what it needs when it runs, so that asking for help is quick."""

from __future__ import annotations

import datetime as dt
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_activation import add_activation_commands
from orchestration.cli_channels import add_channel_commands
from orchestration.cli_identity import add_identity_commands
from orchestration.cli_lake import gate_app, ingest_app
from orchestration.cli_lift import add_lift_command
from orchestration.cli_predict import predict_app
from orchestration.cli_rules import rules_app
from orchestration.cli_segments import segments_app
from orchestration.cli_tags import tags_app
from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from common.settings import Settings
    from orchestration.headless import RunOutcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Siyu (私域): a private-domain customer data pipeline.",
)
app.add_typer(ingest_app, name="ingest")
app.add_typer(gate_app, name="gate")
app.add_typer(rules_app, name="rules")
app.add_typer(predict_app, name="predict")
app.add_typer(segments_app, name="segments")
app.add_typer(tags_app, name="tags")
add_activation_commands(app)
add_channel_commands(app)
add_identity_commands(app)
add_lift_command(app)

Day = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day, like 2026-11-20.")]


@app.command()
def run(
    as_of: Day = None,
    known_at: Annotated[
        str | None, typer.Option(help="Look at the lake as it was known then: an instant, or a load id.")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Forget derived state and rebuild from the lake.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run to end.")] = 0.0,
) -> None:
    """Run the daily job here and now: fetch, gate, build, activate, publish."""
    from orchestration.demo import outside
    from orchestration.headless import run_daily

    console, settings = terminal(), settings_or_refuse()
    try:
        with outside(settings, line=console.print) as reachable:
            outcome = run_daily(
                reachable,
                as_of=as_of.date() if as_of else None,
                known_at=known_at,
                full_refresh=full_refresh,
                wait_seconds=wait,
                line=console.print,
            )
    except expected_errors() as error:
        refuse(error)
    _end(settings, outcome, console)


@app.command()
def demo(
    as_of: Day = None,
    buyers: Annotated[
        int | None, typer.Option(help="Take only so many households into the made world.")
    ] = None,
) -> None:
    """Run the whole line on Complete Journey orders, with a sandbox in place of WeChat and WeCom."""
    from orchestration.demo import run_demo

    console = terminal()
    try:
        settings, outcome = run_demo(
            settings_or_refuse(), as_of=as_of.date() if as_of else None, buyers=buyers, line=console.print
        )
    except expected_errors() as error:
        refuse(error)
    _end(settings, outcome, console)


@app.command()
def status() -> None:
    """Show what is published, what the segments did, and what the gate holds."""
    from orchestration.summary import print_summary

    print_summary(settings_or_refuse(), terminal())


@app.command()
def report(
    open_path: Annotated[
        bool, typer.Option("--open-path", help="Only print where the page is, as it is: open it with that.")
    ] = False,
) -> None:
    """Make the report page anew from the published copy, and print where it is."""
    from orchestration.report.page import rebuild_report

    settings = settings_or_refuse()
    try:
        path = rebuild_report(settings, as_it_is=open_path)
    except expected_errors() as error:
        refuse(error)
    typer.echo(path)


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Open the Dagster UI of this home on http://127.0.0.1:PORT."""
    from orchestration.serve import serve_ui

    try:
        code = serve_ui(settings_or_refuse(), port=port, line=terminal().print)
    except expected_errors() as error:
        refuse(error)
    raise typer.Exit(code)


# `--help` goes through as well: the options are the sandbox's own.
@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def sandbox(context: typer.Context) -> None:
    """Serve the local stand-in for WeChat and WeCom; its options: `siyu sandbox --help`."""
    from sandbox.__main__ import main

    raise typer.Exit(main(context.args))


@app.command()
def generate(
    customers: Annotated[int, typer.Option(help="Customers of the made lake.")] = 100_000,
    days: Annotated[int, typer.Option(help="Daily loads; the first one carries two years of history.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed makes the same lake.")] = 20_261_121,
    home: Annotated[
        Path | None, typer.Option(help="Home whose empty lake is filled; SIYU_HOME without it.")
    ] = None,
    append_day: Annotated[
        float | None,
        typer.Option(help="Add one more day to a made lake, on which this share of customers buys."),
    ] = None,
) -> None:
    """Fill an empty lake with made customers, about 30 rows each, or add one more day to such a lake."""
    from common.lake import Lake
    from sandbox.generate.added import AddedDay, add_day
    from sandbox.generate.plan import Plan
    from sandbox.generate.writer import Writer

    console = terminal()
    lake = Lake(home.expanduser().resolve() / "lake" if home else settings_or_refuse().lake_dir)
    try:
        if append_day is None:
            rows = Writer(lake, Plan(customers, days, seed=seed), console.print).write_days()
        else:
            share = AddedDay(append_day, moved=append_day / 10, newcomers=append_day / 20)
            rows = add_day(lake, share, console.print)
    except expected_errors() as error:
        refuse(error)
    console.print(f"{rows:,} rows in {lake.root}")


def _end(settings: Settings, outcome: RunOutcome, console: Console) -> None:
    from orchestration.summary import print_summary

    console.print()
    print_summary(settings, console)
    gc.freeze()  # the process ends: looking for garbage once more costs 0.6 s (2026-11-22)
    if not outcome.success:
        console.print(f"\n[red]Failed[/]: {', '.join(outcome.failed_steps)}. All output: {outcome.log_path}")
        raise typer.Exit(EXIT_FAILED)
