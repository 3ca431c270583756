"""`siyu predict`: train models that predict (预测模型), and see which versions there are."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any

import typer

from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal

predict_app = typer.Typer(
    no_args_is_help=True, help="Prediction models (预测模型): train them, see their versions."
)

Day = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day, like 2026-11-20.")]


@predict_app.command("train")
def predict_train(
    as_of: Day = None,
    known_at: Annotated[
        str | None, typer.Option(help="Look at the lake as it was known then: an instant, or a load id.")
    ] = None,
    history_loaded_by: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="What was loaded up to this day counts as known all along; default: the day of the first load.",
        ),
    ] = None,
) -> None:
    """Learn from replays of past days, test on later ones, and keep what is better. The next run scores with it."""
    from orchestration.training import train_models

    console = terminal()
    try:
        trained = train_models(
            settings_or_refuse(),
            as_of=as_of.date() if as_of else None,
            known_at=known_at,
            history_loaded_by=history_loaded_by.date() if history_loaded_by else None,
            line=lambda text: console.print(text, markup=False),
        )
    except expected_errors() as error:
        refuse(error)
    for result in trained.landed:
        console.print(f"{result.stream.key}: {result.total('changed'):,} versions landed")
        for reason in result.held_reasons:
            console.print(f"  ! {reason}", markup=False)
        if result.held_reasons:
            raise typer.Exit(EXIT_FAILED)
    if not trained.landed:
        console.print("No model could be tried; nothing landed")


@predict_app.command("models")
def predict_models(
    most: Annotated[int, typer.Option(help="How many to show, the newest first.")] = 20,
) -> None:
    """Show the model versions of the lake, the newest first."""
    from common.lake import Lake
    from prediction.versions import listed

    try:
        lake = Lake(settings_or_refuse().lake_dir)
        lake.ensure()
        rows = listed(lake, most)
    except expected_errors() as error:
        refuse(error)
    console = terminal()
    for row in rows:
        console.print(f"{row['model_version']}  {row['reason']}", markup=False)
        console.print(f"    {_in_short(json.loads(row['metrics']))}", markup=False)
    if not rows:
        console.print("No model was trained yet: `siyu predict train`")


def _in_short(metrics: dict[str, Any]) -> str:
    test = metrics.get("test") or {}
    names = ("auc", "log_loss", "calibration_error", "lift_top_tenth", "accuracy", "rmse", "total_ratio")
    return ", ".join(f"{name} {test[name]:.4g}" for name in names if test.get(name) is not None)
