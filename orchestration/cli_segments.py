"""`siyu segments`: sizes before anything is sent."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal import expected_errors, refuse, settings_or_refuse, terminal

segments_app = typer.Typer(no_args_is_help=True, help="Segments (人群): how large they are, and would be.")


@segments_app.command("size")
def size(
    condition: Annotated[
        str,
        typer.Argument(
            help="YAML as in rules/segments.yml, like '{except: [a, b]}'; tags and segments only."
        ),
    ],
) -> None:
    """Count exactly who satisfies a condition today, with and without noise (噪声)."""
    from orchestration.audience import Audience, condition_of

    folder = (settings_or_refuse().published_dir / "current").resolve()
    try:
        if not (folder / "manifest.json").exists():
            raise FileNotFoundError(f"nothing is published in {folder}; run `siyu run` first")
        audience = Audience(folder)
        found = audience.size(condition_of(condition))
        audience.close()
    except expected_errors() as error:
        refuse(error)
    terminal().print(f"{found.customers:,} customers, {found.customers_clean:,} without noise (去噪)")


@segments_app.command("list")
def list_() -> None:
    """Show the declared segments with what was published last."""
    from orchestration.segment_report import sizes_table

    try:
        terminal().print(sizes_table(settings_or_refuse()))
    except expected_errors() as error:
        refuse(error)
