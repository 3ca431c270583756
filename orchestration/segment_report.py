"""What people look at: sizes of segments, their funnels, and their sizes over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from common.settings import Settings
from common.warehouse import connect
from orchestration.published_database import DATABASE

if TYPE_CHECKING:
    import dagster as dg
    import duckdb

PLOT = "segment_sizes.html"


def sizes_table(settings: Settings) -> Table:
    """Return the segments of the published copy with their exact sizes.

    Raises:
        FileNotFoundError: nothing is published.
    """
    path = settings.published_dir / "current" / DATABASE
    if not path.exists():
        raise FileNotFoundError(f"nothing is published in {settings.published_dir}; run `siyu run` first")
    table = Table(title="Segments (人群)", title_justify="left", box=None, pad_edge=False)
    for name in ("segment", "name", "purpose"):
        table.add_column(name)
    for name in ("members", "clean", "held out", "treated"):
        table.add_column(name, justify="right")
    with connect(path, read_only=True) as db:
        for code, name, purpose, *counts in db.execute(_SIZES).fetchall():
            table.add_row(code, name, purpose, *(f"{count:,}" for count in counts))
    return table


def segment_metadata(settings: Settings) -> dict[str, Any]:
    """Return metadata for the published asset: sizes (Dagster plots numbers over runs), funnel, overlap and a plot.

    The plot shows every day of segment_history, also those before the first run.
    """
    import dagster as dg

    folder = (settings.published_dir / "current").resolve()
    with connect(folder / DATABASE, read_only=True) as db:
        sizes = db.execute("select segment_code, member_count from segments order by segment_code").fetchall()
        return {
            **{f"segment_size/{code}": count for code, count in sizes},
            "segment_funnel": _table(db, _FUNNEL, dg),
            "segment_overlap": _table(db, _OVERLAP, dg),
            "segment_sizes_over_time": dg.MetadataValue.path(str(_plot(db, settings.home / "reports"))),
        }


def sizes_over_time(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str, Any, int]]:
    """Return (code, Chinese name, day, members) for every day on which a segment's size changes."""
    return db.execute(_OVER_TIME).fetchall()


def _table(db: duckdb.DuckDBPyConnection, sql: str, dg: Any) -> dg.TableMetadataValue:
    cursor = db.execute(sql)
    columns = [each[0] for each in cursor.description or []]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]),
    )


def _plot(db: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    import plotly.graph_objects as plots

    figure = plots.Figure()
    lines: dict[tuple[str, str], tuple[list[Any], list[int]]] = {}
    for code, name, day, members in sizes_over_time(db):
        days, counts = lines.setdefault((code, name), ([], []))
        days.append(day)
        counts.append(members)
    for (code, name), (days, counts) in lines.items():
        figure.add_trace(plots.Scatter(x=days, y=counts, name=f"{name} {code}", line_shape="hv"))
    figure.update_layout(title="Segment sizes over time (人群规模)", yaxis_title="members (人数)")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLOT
    figure.write_html(path, include_plotlyjs="directory")
    return path


_SIZES = """
select segment_code, name_zh, purpose, member_count, member_count_clean, holdout_count, treated_count
from segments order by segment_code
"""
_FUNNEL = """
select segment_code, step_no, step_kind, step_text_zh, of_count, kept_count, round(100 * kept_ratio, 1) as kept_percent
from segment_funnel order by segment_code, step_no
"""
_OVERLAP = """
select segment_code, other_segment_code, both_count, round(100 * both_ratio, 1) as both_percent
from segment_overlap where both_count > 0 order by both_count desc, segment_code, other_segment_code limit 50
"""
# Whoever enters and leaves on one day counts in neither.
_OVER_TIME = """
with moves as (
    select segment_code, entered_date as day, 1 as change from segment_history
    union all
    select segment_code, left_date, -1 from segment_history where left_date is not null
),
days as (
    select segment_code, day, sum(change) as change from moves group by all
)
select
    days.segment_code,
    segments.name_zh,
    days.day,
    cast(sum(days.change) over (partition by days.segment_code order by days.day) as bigint) as member_count
from days
inner join segments using (segment_code)
order by days.segment_code, days.day
"""
