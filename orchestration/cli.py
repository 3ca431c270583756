"""The `siyu` command. Each command imports what it needs when it runs, so that asking for help is quick."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from common.settings import Settings
    from orchestration.landing import StreamResult

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Siyu (私域): a private-domain customer data pipeline.")
ingest_app = typer.Typer(no_args_is_help=True, help="Bring records into the lake, past the gate.")
gate_app = typer.Typer(no_args_is_help=True, help="See and release what the gate holds.")
app.add_typer(ingest_app, name="ingest")
app.add_typer(gate_app, name="gate")

EXIT_FAILED = 1
EXIT_REFUSED = 2

Day = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day, like 2026-11-20.")]


@app.command()
def run(
    as_of: Day = None,
    known_at: Annotated[str | None, typer.Option(help="Look at the lake as known then (instant or load id).")] = None,
    full_refresh: Annotated[bool, typer.Option(help="Forget derived state, rebuild from the lake.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run to end.")] = 0.0,
) -> None:
    """Run the daily job here and now: fetch, gate, build, activate, publish."""
    from orchestration.headless import RunRefusedError, run_daily

    console = _console()
    settings = _settings()
    try:
        outcome = run_daily(
            settings,
            as_of=as_of.date() if as_of else None,
            known_at=known_at,
            full_refresh=full_refresh,
            wait_seconds=wait,
            line=console.print,
        )
    except (RunRefusedError, *_expected_errors()) as error:
        _refuse(error)
    _print_summary(settings, console)
    if not outcome.success:
        console.print(f"[red]Failed[/]: {', '.join(outcome.failed_steps)}. All output: {outcome.log_path}")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def status() -> None:
    """Show what is published, what the segments did, and what the gate holds."""
    _print_summary(_settings(), _console())


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    demo: Annotated[bool, typer.Option("--demo", help="The demo's home, with its sandbox.")] = False,
) -> None:
    """Open the Dagster UI of this home on http://127.0.0.1:PORT."""
    from orchestration.serve import serve_ui

    try:
        raise typer.Exit(serve_ui(_settings(), port=port, demo=demo, line=_console().print))
    except _expected_errors() as error:
        _refuse(error)


@app.command()
def demo(
    as_of: Day = None,
    buyers: Annotated[int | None, typer.Option(help="Take only so many households into the made world.")] = None,
) -> None:
    """Run the whole line on Complete Journey orders and a made world, with a sandbox for WeChat and WeCom."""
    from orchestration.demo import run_demo

    console = _console()
    try:
        settings, outcome = run_demo(_settings(), as_of=as_of.date() if as_of else None, buyers=buyers, line=console.print)
    except _expected_errors() as error:
        _refuse(error)
    _print_summary(settings, console)
    if not outcome.success:
        console.print(f"[red]Failed[/]: {', '.join(outcome.failed_steps)}. All output: {outcome.log_path}")
        raise typer.Exit(EXIT_FAILED)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """Serve the local stand-in for WeChat and WeCom; arguments go to `python -m sandbox`."""
    from sandbox.__main__ import main

    raise typer.Exit(main(context.args))


@app.command()
def plan(segment: str) -> None:
    """Show what would change at each destination of a segment, row by row. Nothing is sent."""
    from orchestration.sending_view import show_plans

    try:
        show_plans(_settings(), segment, _console())
    except _expected_errors() as error:
        _refuse(error)


@app.command()
def approve(plan_id: str, by: Annotated[str, typer.Option(help="Who says so; kept in the ledger.")]) -> None:
    """Let a plan pass that the policy does not let pass by itself."""
    from activation.plans import approve as approve_plan

    try:
        approved = approve_plan(_settings(), plan_id, by)
    except _expected_errors() as error:
        _refuse(error)
    _console().print(f"{approved.plan_id} is {approved.status}, by {approved.approved_by}; `siyu apply {plan_id} --live`")


@app.command()
def apply(plan_id: str, live: Annotated[bool, typer.Option("--live", help="Send; without it nothing leaves.")] = False) -> None:
    """Apply exactly this plan."""
    from activation.apply import apply_plan

    try:
        report = apply_plan(_settings(), plan_id, mode="live" if live else "dry_run")
    except _expected_errors() as error:
        _refuse(error)
    outcomes = ", ".join(f"{count} {name}" for name, count in report.outcomes.items()) or "nothing was sent"
    _console().print(f"{report.segment_code} -> {report.destination} ({report.mode}): {report.status}, {outcomes}")
    raise typer.Exit(0 if report.ok else EXIT_FAILED)


@ingest_app.command("file")
def ingest_file(
    path: Path,
    mapping: Annotated[Path, typer.Option(help="YAML that says which column means what.")],
    channel: Annotated[str, typer.Option()] = "miniprogram",
    stream: Annotated[str, typer.Option()] = "orders",
) -> None:
    """Load one CSV, XLSX or Parquet file of your own."""
    from common.lake import Lake
    from common.streams import STREAMS
    from orchestration.landing import land_file

    key = f"{channel}/{stream}"
    if key not in STREAMS:
        _refuse(ValueError(f"no stream {key}; known: {', '.join(STREAMS)}"))
    settings = _settings()
    try:
        results = land_file(settings, Lake(settings.lake_dir), STREAMS[key], path, mapping)
    except _expected_errors() as error:
        _refuse(error)
    _show_results(results)


@ingest_app.command("channel")
def ingest_channel(
    name: Annotated[str, typer.Argument(help="wecom, video_account or miniprogram")], as_of: Day = None
) -> None:
    """Fetch one channel up to the end of a business day (default: the last complete one)."""
    from common.lake import Lake
    from common.streams import streams_of
    from orchestration.days import last_complete_day
    from orchestration.landing import land

    settings = _settings()
    try:
        day = as_of.date() if as_of else last_complete_day(settings)
        results = land(settings, Lake(settings.lake_dir), streams_of(name), day)
    except (KeyError, *_expected_errors()) as error:
        _refuse(error)
    _show_results(results)


@gate_app.command("list")
def gate_list() -> None:
    """Show the loads that the gate holds, and why."""
    from common.lake import Lake

    console, held = _console(), Lake(_settings().lake_dir).held()
    for load in held:
        console.print(
            f"{load.path.name[:8]}  {load.stream.key}  {load.report.rows:,} rows  {load.report.held_reason}",
            highlight=False,
        )
    if not held:
        console.print("nothing is held")


@gate_app.command("release")
def gate_release(load: Annotated[str, typer.Argument(help="First letters of the id that `siyu gate list` shows.")]) -> None:
    """Let a held load into the lake after all. It counts as known from now on."""
    from common.lake import Lake

    lake = Lake(_settings().lake_dir)
    found = [each for each in lake.held() if each.path.name.startswith(load)]
    if len(found) != 1:
        _refuse(ValueError(f"expected {load!r} to name one held load, it names {len(found)}; see `siyu gate list`"))
    report = lake.release(found[0])
    _console().print(f"{report.stream}: {report.changed:,} rows admitted as load {report.load_id}")


def _show_results(results: list[StreamResult]) -> None:
    console, failed = _console(), False
    for result in results:
        counts = ", ".join(f"{result.total(name):,} {name}" for name in ("rows", "changed", "deleted", "quarantined"))
        console.print(f"{result.stream.key}: {counts}" + (f" ({result.note})" if result.note else ""), highlight=False)
        for reason in [*result.held_reasons, *([result.error] if result.error else [])]:
            failed = True
            console.print(f"  [red]![/] {reason}", highlight=False)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _print_summary(settings: Settings, console: Console) -> None:
    from orchestration.summary import print_summary

    print_summary(settings, console)


def _expected_errors() -> tuple[type[Exception], ...]:
    """Errors whose text tells the user what to do; anything else is a fault and keeps its traceback."""
    import duckdb

    from activation.contracts import ActivationError
    from common.lake import LakeError
    from common.warehouse import WarehouseBusyError
    from ingestion.mapping import MappingError
    from ingestion.tables import FileRejectedError
    from orchestration.dbt_run import DbtError
    from orchestration.project import ProjectError

    return (
        ActivationError,
        DbtError,
        FileNotFoundError,
        FileRejectedError,
        LakeError,
        MappingError,
        ProjectError,
        ValueError,
        WarehouseBusyError,
        duckdb.IOException,
    )


def _refuse(error: Exception) -> NoReturn:
    from rich.markup import escape

    Console(stderr=True, highlight=False).print(f"[red]siyu:[/] {escape(str(error))}")
    raise typer.Exit(EXIT_REFUSED)


def _settings() -> Settings:
    from pydantic import ValidationError

    from common.settings import load_settings

    try:
        return load_settings()
    except ValidationError as error:
        problems = "; ".join(f"SIYU_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
        _refuse(ValueError(problems))


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
