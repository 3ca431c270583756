"""`siyu ingest` and `siyu gate`: records into the lake, and the loads that the gate holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal

if TYPE_CHECKING:
    from orchestration.landing import StreamResult

ingest_app = typer.Typer(no_args_is_help=True, help="Bring records into the lake, past the gate.")
gate_app = typer.Typer(no_args_is_help=True, help="See and release what the gate holds.")

Day = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day, like 2026-11-20.")]
Since = Annotated[
    dt.datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Fetch again from this day on, as far as the platform keeps it."),
]
Names = Annotated[list[str] | None, typer.Option("--stream", help="Only this stream; may be given again.")]


@ingest_app.command("file")
def ingest_file(
    path: Path,
    mapping: Annotated[
        Path, typer.Option(help="YAML that says which column means what, or a shipped one's name.")
    ],
    channel: Annotated[str, typer.Option(help="Channel of the stream.")] = "miniprogram",
    stream: Annotated[str, typer.Option(help="orders, order_lines, members, ...")] = "orders",
) -> None:
    """Load one CSV, XLSX or Parquet file of your own."""
    from common.lake import Lake
    from common.streams import STREAMS
    from ingestion.mapping import find_mapping
    from orchestration.landing import land_file

    key = f"{channel}/{stream}"
    if key not in STREAMS:
        refuse(ValueError(f"no stream {key}; known: {', '.join(STREAMS)}"))
    settings = settings_or_refuse()
    try:
        results = land_file(settings, Lake(settings.lake_dir), STREAMS[key], path, find_mapping(mapping))
    except expected_errors() as error:
        refuse(error)
    _show(results)


@ingest_app.command("manifest")
def ingest_manifest(
    folder: Path,
    by: Annotated[str, typer.Option(help="Who exported the files, to be asked about them.")],
    channel: Annotated[
        str | None, typer.Option(help="Default: the folder's parent, as in the inbox.")
    ] = None,
    as_of: Day = None,
    mapping: Annotated[
        str | None, typer.Option(help="Mapping of all files: beside them, or shipped.")
    ] = None,
) -> None:
    """Write manifest.yml for a folder of files that belong together (default day: the last complete one)."""
    from ingestion.manifests import read_manifest, write_manifest
    from orchestration.days import last_complete_day

    folder = folder.resolve()
    day = as_of.date() if as_of else last_complete_day(settings_or_refuse())
    try:
        path = write_manifest(
            channel or folder.parent.name, folder, exported_by=by, as_of=day, mapping=mapping
        )
    except expected_errors() as error:
        refuse(error)
    for file in read_manifest(path).files:
        terminal().print(f"{file.path}: {file.stream}, {file.rows:,} rows, by {file.mapping}", markup=False)


def _channel_command(channel: str) -> Callable[[Day, Names, Since], None]:
    def ingest(as_of: Day = None, stream: Names = None, since: Since = None) -> None:
        from common.lake import Lake
        from common.streams import streams_of
        from orchestration.days import last_complete_day
        from orchestration.demo import outside
        from orchestration.landing import land

        known = {each.name: each for each in streams_of(channel)}
        if unknown := sorted(set(stream or ()) - known.keys()):
            refuse(ValueError(f"no stream {', '.join(unknown)} in {channel}; known: {', '.join(known)}"))
        wanted = [known[name] for name in dict.fromkeys(stream or known)]
        settings = settings_or_refuse()
        day = as_of.date() if as_of else last_complete_day(settings)
        if since and since.date() > day:
            refuse(ValueError(f"--since: expected a day up to {day}, got {since.date()}"))
        try:
            with outside(settings, line=terminal().print) as reachable:
                results = land(
                    reachable,
                    Lake(settings.lake_dir),
                    wanted,
                    day,
                    since=since.date() if since else None,
                    line=terminal().print,
                )
        except expected_errors() as error:
            refuse(error)
        _show(results)

    ingest.__doc__ = f"Bring {channel} up to the end of a business day (default: the last complete one)."
    return ingest


# Named here and not taken from common.streams, which imports pyarrow: a test compares the two.
CHANNEL_COMMANDS = (
    "video_account", "miniprogram", "wecom", "official_account", "store", "personal_wechat"
)  # fmt: skip
for _name in CHANNEL_COMMANDS:
    ingest_app.command(_name)(_channel_command(_name))


@gate_app.command("list")
def gate_list() -> None:
    """Show the loads that the gate holds, and why."""
    from common.lake import Lake

    console, held = terminal(), Lake(settings_or_refuse().lake_dir).held()
    for load in held:
        report = load.report
        console.print(
            f"{load.path.name[:8]}  {load.stream.key}  {report.rows:,} rows  {report.held_reason}",
            markup=False,
        )
    if not held:
        console.print("nothing is held")


@gate_app.command("release")
def gate_release(
    load: Annotated[str, typer.Argument(help="First letters of the id that `siyu gate list` shows.")],
) -> None:
    """Let a held load into the lake after all. It counts as known from now on."""
    from common.lake import Lake

    lake = Lake(settings_or_refuse().lake_dir)
    found = [each for each in lake.held() if each.path.name.startswith(load)]
    if len(found) != 1:
        refuse(
            ValueError(
                f"expected {load!r} to name one held load, it names {len(found)}; see `siyu gate list`"
            )
        )
    report = lake.release(found[0])
    terminal().print(f"{report.stream}: {report.changed:,} rows admitted as load {report.load_id}")


def _show(results: list[StreamResult]) -> None:
    from rich.markup import escape

    console, failed = terminal(), False
    for result in results:
        counts = ", ".join(
            f"{result.total(name):,} {name}" for name in ("rows", "changed", "deleted", "quarantined")
        )
        console.print(f"{result.stream.key}: {counts}" + (f" ({escape(result.note)})" if result.note else ""))
        for found in [
            *(f"drift: {line}" for line in result.drift),
            *(f"warning: {w}" for w in result.warnings),
        ]:
            console.print(f"  [yellow]?[/] {escape(found)}")
        for reason in [*result.held_reasons, *([result.error] if result.error else [])]:
            failed = True
            console.print(f"  [red]![/] {escape(reason)}")
    if failed:
        raise typer.Exit(EXIT_FAILED)
