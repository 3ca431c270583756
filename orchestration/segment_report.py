"""What people look at: sizes of segments, their funnels and overlaps. Sizes over time: ``assets.pictures``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from common.settings import Settings
from common.warehouse import connect
from orchestration.published_database import DATABASE

if TYPE_CHECKING:
    import dagster as dg
    import duckdb


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
    """Return metadata for the published asset: funnel and overlap as tables."""
    import dagster as dg

    folder = (settings.published_dir / "current").resolve()
    with connect(folder / DATABASE, read_only=True) as db:
        return {
            "segment_funnel": _table(db, _FUNNEL, dg),
            "segment_overlap": _table(db, _OVERLAP, dg),
        }


def _table(db: duckdb.DuckDBPyConnection, sql: str, dg: Any) -> dg.TableMetadataValue:
    cursor = db.execute(sql)
    columns = [each[0] for each in cursor.description or []]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]),
    )


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
