"""Figures in plotly's schema as plain values: importing plotly to write a dict would cost every run a second."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

INK, MUTED, LINE = "#1f2933", "#7b8794", "#e4e7eb"
ACCENT, UP, DOWN, WARN = "#0b7a75", "#0b7a75", "#c2410c", "#d97706"
COLORS = ("#0b7a75", "#d97706", "#3b5bdb", "#c2255c", "#5c940d", "#7048e8", "#1098ad", "#868e96")
HEAT = [[0, "#f2f8f7"], [0.5, "#93c9c4"], [1, "#0b5f5b"]]
FONT = "-apple-system, 'PingFang SC', 'Noto Sans CJK SC', 'Microsoft YaHei', 'Segoe UI', sans-serif"

LABEL_LENGTH = 20

Figure = dict[str, Any]


def label(text: str) -> str:
    """Return a text for plotly, which reads some HTML in labels: a name is shown as it is written, cut if long."""
    short = text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 1] + "…"
    return html.escape(short, quote=False)


def figure(data: list[dict[str, Any]], **layout: Any) -> Figure:
    """Return a figure in the page's style; ``layout`` adds to it, axis by axis."""
    axis = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": LINE,
        "zerolinecolor": LINE,
        "linecolor": LINE,
        "tickfont": {"color": MUTED, "size": 11},
    }
    base = {
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "dragmode": False,
        "showlegend": False,
        "legend": {"orientation": "h", "y": -0.12, "x": 0, "font": {"size": 11}},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "colorway": list(COLORS),
        "separators": ".,",
    }
    axes = {name: {**axis, **layout.pop(name, {})} for name in ("xaxis", "yaxis")}
    return {"data": data, "layout": {**base, **axes, **layout}}


def day_bars(days: Sequence[str], values: Sequence[float], mean: Sequence[float | None]) -> Figure:
    """Return yuan per day as bars with the mean of seven days as a line."""
    hover = "%{x|%Y-%m-%d}<br>¥%{y:,.0f}<extra></extra>"
    return figure(
        [
            {"type": "bar", "x": list(days), "y": list(values), "marker": {"color": "#b5d8d5"},
             "hovertemplate": hover, "name": "当日 day"},
            {"type": "scatter", "mode": "lines", "x": list(days), "y": list(mean),
             "line": {"color": ACCENT, "width": 2}, "hovertemplate": hover, "name": "7 日均 7-day mean"},
        ],
        xaxis={"type": "date", "showgrid": False, "tickformat": "%m-%d", "nticks": 8},
        yaxis={"tickprefix": "¥", "tickformat": ",.0f", "rangemode": "tozero", "nticks": 5},
        bargap=0.25,
        showlegend=True,
    )  # fmt: skip


def lines(days: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> Figure:
    """Return counts per day, one line a series."""
    data = [
        {"type": "scatter", "mode": "lines", "name": label(name), "x": list(days), "y": list(values),
         "line": {"width": 2}, "hovertemplate": "%{x|%Y-%m-%d} %{y:,}<extra>" + label(name) + "</extra>"}
        for name, values in series
    ]  # fmt: skip
    return figure(
        data,
        xaxis={"type": "date", "showgrid": False, "tickformat": "%m-%d", "nticks": 8},
        yaxis={"tickformat": ",d", "rangemode": "tozero", "nticks": 5},
        showlegend=True,
    )


def pyramid(names: Sequence[str], counts: Sequence[int]) -> Figure:
    """Return a pyramid, the first name at the bottom; widths are the counts."""
    total = sum(counts) or 1
    texts = [f"{each:,} · {each / total:.0%}" for each in counts]
    widest = max(counts, default=0) or 1
    return figure(
        [
            {"type": "bar", "orientation": "h", "y": [label(name) for name in names], "x": list(counts),
             "base": [-each / 2 for each in counts], "text": texts, "textposition": "none",
             "marker": {"color": list(reversed(_shades(len(counts))))}, "hovertemplate": "%{y} %{text}<extra></extra>"}
        ],
        xaxis={"visible": False, "range": [-widest * 0.5, widest * 0.5]},
        yaxis={"type": "category", "showgrid": False, "tickfont": {"color": INK, "size": 13}},
        bargap=0.12,
        annotations=[
            {"x": 0, "y": label(name), "text": text, "showarrow": False,
             "font": {"size": 12, "color": INK}, "bgcolor": "rgba(255,255,255,.82)", "borderpad": 2}
            for name, text in zip(names, texts, strict=True)
        ],
    )  # fmt: skip


def up_down(days: Sequence[str], ups: Sequence[int], downs: Sequence[int]) -> Figure:
    """Return moves per day: up above the line, down below it."""
    return figure(
        [
            {"type": "bar", "x": list(days), "y": list(ups), "name": "升级 up", "marker": {"color": UP},
             "hovertemplate": "%{x|%Y-%m-%d} ↑ %{y:,}<extra></extra>"},
            {"type": "bar", "x": list(days), "y": [-each for each in downs], "name": "降级 down",
             "marker": {"color": DOWN}, "customdata": list(downs),
             "hovertemplate": "%{x|%Y-%m-%d} ↓ %{customdata:,}<extra></extra>"},
        ],
        xaxis={"type": "date", "showgrid": False, "tickformat": "%m-%d", "nticks": 8},
        yaxis={"tickformat": ",d", "nticks": 5},
        barmode="relative",
        bargap=0.25,
        showlegend=True,
    )  # fmt: skip


def heat_map(
    columns: Sequence[str], names: Sequence[str], ratios: Sequence[Sequence[float | None]]
) -> Figure:
    """Return ratios as a heat map, the first name on top; None is not yet observed and stays blank."""
    texts = [["" if each is None else f"{each * 100:.0f}" for each in row] for row in ratios]
    most = max((each for row in ratios for each in row if each is not None), default=1.0) or 1.0
    return figure(
        [
            {"type": "heatmap", "x": list(columns), "y": list(names), "z": [list(row) for row in ratios],
             "text": texts, "texttemplate": "%{text}", "textfont": {"size": 11}, "colorscale": HEAT, "zmin": 0,
             "zmax": most, "showscale": False, "xgap": 2, "ygap": 2, "hoverongaps": False,
             "hovertemplate": "%{y} · M%{x}<br>%{z:.1%}<extra></extra>"}
        ],
        xaxis={"type": "category", "side": "top", "showgrid": False},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )  # fmt: skip


def funnel(names: Sequence[str], counts: Sequence[int]) -> Figure:
    """Return a funnel; each step tells its share of the step before."""
    shares = [""] + [f" · {after / before:.1%}" if before else "" for before, after in pairwise(counts)]
    return figure(
        [
            {"type": "funnel", "y": [label(name) for name in names], "x": list(counts),
             "text": [f"{each:,}{share}" for each, share in zip(counts, shares, strict=True)],
             "textinfo": "text", "textposition": "auto", "marker": {"color": _shades(len(counts))},
             "connector": {"fillcolor": "#eef5f4", "line": {"width": 0}},
             "hovertemplate": "%{y} %{text}<extra></extra>"}
        ],
        yaxis={"type": "category", "showgrid": False, "tickfont": {"color": INK, "size": 12}},
    )  # fmt: skip


def stacked(names: Sequence[str], series: Sequence[tuple[str, Sequence[int], str]]) -> Figure:
    """Return counts as stacked bars lying down; a series is its name, values and colour."""
    data = [
        {"type": "bar", "orientation": "h", "name": label(name), "y": [label(each) for each in names],
         "x": list(values), "marker": {"color": color},
         "hovertemplate": "%{y}: %{x:,}<extra>" + label(name) + "</extra>"}
        for name, values, color in series
    ]  # fmt: skip
    return figure(
        data,
        xaxis={"tickformat": ",d", "nticks": 5},
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "showgrid": False,
            "tickfont": {"color": INK, "size": 12},
        },
        barmode="stack",
        bargap=0.35,
        showlegend=True,
        legend={"orientation": "h", "traceorder": "normal", "y": -0.2, "x": 0, "font": {"size": 11}},
    )


def intervals(points: Sequence[tuple[str, float, float, float]]) -> Figure:
    """Return differences with their bounds, the first on top; a point is its name, value, low and high.

    Those whose bounds leave out zero are drawn in colour.
    """
    return figure(
        [
            {"type": "scatter", "mode": "markers", "y": [label(name) for name, *_ in points],
             "x": [value for _, value, _, _ in points],
             "marker": {"size": 9, "color": [MUTED if low <= 0 <= high else ACCENT for _, _, low, high in points]},
             "error_x": {"type": "data", "symmetric": False, "color": MUTED, "thickness": 1.5,
                         "array": [high - value for _, value, _, high in points],
                         "arrayminus": [value - low for _, value, low, _ in points]},
             "customdata": [[low, high] for _, _, low, high in points],
             "hovertemplate": "%{y}: %{x:+.1f} [%{customdata[0]:+.1f}, %{customdata[1]:+.1f}]<extra></extra>"}
        ],
        xaxis={"zeroline": True, "zerolinecolor": INK, "tickformat": "+.1f", "nticks": 7},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False, "tickfont": {"color": INK, "size": 12}},
    )  # fmt: skip


def _shades(count: int) -> list[str]:
    """Return ``count`` colours from dark to light."""
    dark, light = (11, 122, 117), (176, 216, 212)
    steps = max(count - 1, 1)
    return [
        "#" + "".join(f"{round(a + (b - a) * step / steps):02x}" for a, b in zip(dark, light, strict=True))
        for step in range(count)
    ]
