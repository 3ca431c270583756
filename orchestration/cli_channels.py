"""`siyu callbacks` and `siyu doctor`: receive what the platforms send, and see whether they answer."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal


def add_channel_commands(app: typer.Typer) -> None:
    """Register the commands with the app."""
    for command in (callbacks, doctor):
        app.command()(command)


def callbacks(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8780,
    host: Annotated[str, typer.Option(help="Address to listen on; a proxy with TLS stands before it.")] = (
        "127.0.0.1"
    ),
) -> None:
    """Receive callbacks (回调) of WeCom and the shop; the daily job lands them."""
    from ingestion.callbacks.endpoints import configured
    from ingestion.callbacks.serve import serve

    settings, console = settings_or_refuse(), terminal()
    try:
        endpoints = configured(settings)
        for endpoint in endpoints:
            console.print(f"{endpoint.label}: http://{host}:{port}{endpoint.path} -> {endpoint.stream_key}")
        serve(settings, endpoints, host=host, port=port)
    except OSError as error:
        refuse(error)
    except expected_errors() as error:
        refuse(error)


def doctor() -> None:
    """See what is configured, what answers and what is refused, and what to do about it."""
    from rich.markup import escape

    from ingestion.doctor import examine
    from orchestration.demo import outside

    settings, console, failed = settings_or_refuse(), terminal(), False
    marks = {"ok": "[green]ok [/]", "off": "[dim]off[/]", "bad": "[red]BAD[/]"}
    try:
        with outside(settings, line=console.print) as reachable:
            for finding in examine(reachable):
                failed = failed or finding.status == "bad"
                advice = f" -> {finding.advice}" if finding.advice else ""
                console.print(
                    f"{marks[finding.status]}  {escape(f'{finding.name}: {finding.detail}{advice}')}"
                )
    except expected_errors() as error:
        refuse(error)
    raise typer.Exit(EXIT_FAILED if failed else 0)
