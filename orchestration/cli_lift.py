"""`siyu lift`: what treating a segment did."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestration.terminal import expected_errors, refuse, settings_or_refuse, terminal

if TYPE_CHECKING:
    from activation.effect import Lift
    from orchestration.lift import Effect


def add_lift_command(app: typer.Typer) -> None:
    """Register the command with the app."""
    app.command()(lift)


def lift(
    segment: Annotated[str, typer.Argument(help="Segment code, as `siyu segments list` shows it.")],
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A past business day.")
    ] = None,
) -> None:
    """Compare who was meant to be treated with who was held out, with 95% intervals, and the variants."""
    from orchestration.lift import published_effects
    from orchestration.report.source import MissingInputError

    console = terminal()
    try:
        day, found = published_effects(settings_or_refuse(), segment, as_of.date() if as_of else None)
    except expected_errors() as error:
        refuse(error)
    except MissingInputError as error:
        refuse(LookupError(f"the published copy lacks {error.args[0]}; run `siyu run` first"))
    console.print(f"{segment}, as of {day} (ITT, 95%)")
    if not found:
        console.print("nobody has been in it for long enough yet")
    for effect in found:
        _show(effect, console)


def _show(effect: Effect, console: Console) -> None:
    members = ", ".join(f"{name} {count:,}" for name, count in effect.members.items())
    console.print(f"\nwithin {effect.within_days} days: {members}", markup=False)
    for name, p in (("treated and holdout", effect.split_p), ("variants", effect.variants_p)):
        if p is not None:
            console.print(f"split into {name}: p = {p:.3g}", markup=False)
    if effect.is_suspect:
        console.print("the split is not the drawn one (SRM): do not believe the lifts until it is explained")
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "arm", "against"):
        table.add_column(name)
    for name in ("arm's", "other's", "lift", "low", "high", ""):
        table.add_column(name, justify="right")
    for metric, lifts in effect.lifts.items():
        for each in lifts:
            table.add_row(metric, each.arm.code, each.against.code, *_figures(metric, each))
    console.print(table)


def _figures(metric: str, lift: Lift) -> list[str]:
    def shown(value: float | None) -> str:
        if value is None:
            return "-"
        if metric == "ordered":
            return f"{value:.2%}"
        return f"{value / 100:,.2f} CNY" if metric.endswith("_fen") else f"{value:.4f}"

    verdict = "too few" if lift.low is None else "*" if lift.is_significant else ""
    return [*map(shown, (lift.arm.mean, lift.against.mean, lift.difference, lift.low, lift.high)), verdict]
