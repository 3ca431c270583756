"""Some of the page's figures as small SVG pictures, for Dagster's metadata: its UI shows a picture in Markdown."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from orchestration.report.cohorts import Cohorts
from orchestration.report.figures import ACCENT, COLORS, FONT, INK, LINE, MUTED
from orchestration.report.segments import SegmentDays

WIDTH = 640
_ROW, _CELL, _LEFT, _TOP = 22, 38, 130, 24


def as_markdown(svg: str, title: str) -> str:
    """Return Markdown that shows the picture with no other file."""
    safe = title.replace("[", "(").replace("]", ")")
    return f"![{safe}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def heat_map(cohorts: Cohorts) -> str:
    """Return retention as a heat map: a row a cohort with its size, percent in the cells."""
    most = max((each for row in cohorts.ratios for each in row if each is not None), default=1.0) or 1.0
    parts = [
        _text(_LEFT + (index + 0.5) * _CELL, 14, period, MUTED, "middle")
        for index, period in enumerate(cohorts.periods)
    ]
    for row, (name, ratios) in enumerate(zip(cohorts.names, cohorts.ratios, strict=True)):
        y = _TOP + row * _ROW
        parts.append(_text(_LEFT - 8, y + 15, name, INK, "end"))
        for column, ratio in enumerate(ratios):
            if ratio is not None:
                share = ratio / most
                x = _LEFT + column * _CELL
                parts.append(_box(x, y, _CELL - 2, _ROW - 2, ACCENT, 0.06 + 0.94 * share))
                color = "#fff" if share > 0.75 else INK
                parts.append(_text(x + _CELL / 2 - 1, y + 15, f"{ratio * 100:.0f}", color, "middle"))
    return _svg(_LEFT + len(cohorts.periods) * _CELL + 8, _TOP + len(cohorts.names) * _ROW + 4, parts)


def pyramid(sizes: Sequence[tuple[str, int]]) -> str:
    """Return the tier pyramid, the lowest tier at the bottom."""
    most = max((count for _, count in sizes), default=0) or 1
    total = sum(count for _, count in sizes) or 1
    room = WIDTH - _LEFT - 130
    parts = []
    for row, (name, count) in enumerate(reversed(sizes)):
        y, width = 4 + row * 34, room * count / most
        parts.append(_text(_LEFT - 8, y + 20, name, INK, "end"))
        parts.append(
            _box(_LEFT + (room - width) / 2, y, width, 30, ACCENT, 1 - 0.65 * row / max(len(sizes), 1))
        )
        parts.append(_text(WIDTH - 122, y + 20, f"{count:,} · {count / total:.0%}", MUTED, "start"))
    return _svg(WIDTH, 8 + len(sizes) * 34, parts)


def size_lines(found: Sequence[SegmentDays], last_day: str) -> str:
    """Return the segments' sizes over the last days, each between its own lowest and highest, with the size now."""
    parts = [_text(WIDTH - 8, 14, last_day, MUTED, "end")]
    left, right, height = 200, WIDTH - 96, 26
    for row, each in enumerate(found):
        y = 22 + row * 34
        low, span = min(each.sizes), (max(each.sizes) - min(each.sizes)) or 1
        step = (right - left) / max(len(each.sizes) - 1, 1)
        points = " ".join(
            f"{left + index * step:.1f},{y + height - (size - low) / span * height:.1f}"
            for index, size in enumerate(each.sizes)
        )
        color = COLORS[row % len(COLORS)]
        parts.append(_text(8, y + 18, each.name_zh[:14], INK, "start"))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y + height + 3}" y2="{y + height + 3}" stroke="{LINE}"/>'
        )
        parts.append(_text(WIDTH - 8, y + 18, f"{each.sizes[-1]:,}", INK, "end"))
    return _svg(WIDTH, 26 + len(found) * 34, parts)


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{html.escape(FONT)}" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _box(x: float, y: float, width: float, height: float, color: str, opacity: float) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}" '
        f'fill-opacity="{opacity:.2f}"/>'
    )


def _text(x: float, y: float, text: str, color: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}">{html.escape(text)}</text>'
