"""Plots of a back-test as Markdown images, for asset metadata: the Dagster UI shows them as they are."""

from __future__ import annotations

import base64
import io
from typing import Any

Tenths = list[dict[str, float]]


def calibration_plot(name: str, tenths: Tenths, baseline: Tenths) -> str:
    """Return predicted against observed of the ten parts of the customers; on the diagonal, both are the same."""
    figure, axes = _figure(f"{name}: calibration", "predicted", "observed")
    for label, parts in (("model", tenths), ("baseline", baseline)):
        if parts:
            axes.plot(
                [part["predicted"] for part in parts], [part["observed"] for part in parts], "o-", label=label
            )
    most = max((max(part["predicted"], part["observed"]) for part in (*tenths, *baseline)), default=1.0)
    axes.plot([0, most], [0, most], "--", color="grey", linewidth=1, label="perfect")
    return _image(figure, axes, f"{name}: calibration")


def lift_plot(name: str, tenths: Tenths, baseline: Tenths) -> str:
    """Return how many times the average the best parts of the customers bring, cumulated from the best."""
    figure, axes = _figure(f"{name}: lift", "share of customers, highest scores first", "times the average")
    for label, parts in (("model", tenths), ("baseline", baseline)):
        if parts:
            axes.plot(*_cumulative_lift(parts), "o-", label=label)
    axes.axhline(1.0, color="grey", linestyle="--", linewidth=1, label="no model")
    return _image(figure, axes, f"{name}: lift")


def plots_of(name: str, metrics: dict[str, Any]) -> str:
    """Return the plots of a version's back-test one under the other; empty when it has no parts to draw."""
    tenths = (metrics.get("test") or {}).get("tenths") or []
    baseline = (metrics.get("baseline") or {}).get("tenths") or []
    if not tenths:
        return ""
    return calibration_plot(name, tenths, baseline) + "\n\n" + lift_plot(name, tenths, baseline)


def _cumulative_lift(parts: Tenths) -> tuple[list[float], list[float]]:
    customers = sum(part["customers"] for part in parts)
    average = sum(part["customers"] * part["observed"] for part in parts) / customers
    shares, lifts, seen, brought = [], [], 0.0, 0.0
    for part in reversed(parts):
        seen += part["customers"]
        brought += part["customers"] * part["observed"]
        shares.append(seen / customers)
        lifts.append(brought / seen / average if average else 0.0)
    return shares, lifts


def _figure(title: str, x: str, y: str) -> tuple[Any, Any]:
    # Not pyplot: it keeps state between figures and looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _image(figure: Any, axes: Any, text: str) -> str:
    axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=90)
    return f"![{text}](data:image/png;base64,{base64.b64encode(content.getvalue()).decode()})"
