"""What a run left behind, told to a person: tables, segments, what the gate held, and where to look next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect
from orchestration.publish import Manifest, read_manifest


@dataclass(frozen=True)
class SegmentLine:
    """One segment in the published copy. ``members`` includes the holdout."""

    code: str
    name_zh: str
    members: int
    holdout: int


def summary_of(settings: Settings) -> RenderableType:
    """Return the summary of a home as it is now, from its published copy, lake and ledger."""
    current = settings.published_dir / "current"
    manifest = read_manifest(current)
    lake = Lake(settings.lake_dir)
    parts: list[RenderableType] = []
    if manifest is None:
        parts.append(Text("Nothing is published yet: run `siyu run`.", style="yellow"))
    else:
        parts += [_tables(manifest), _segments(settings, manifest)]
    parts += [_gate(lake), _where(settings)]
    return Group(*parts)


def print_summary(settings: Settings, console: Console) -> None:
    """Print the summary."""
    console.print(summary_of(settings))


def segment_lines(settings: Settings) -> list[SegmentLine]:
    """Return the segments of the published copy with their sizes."""
    folder = (settings.published_dir / "current").resolve()
    with connect() as db:
        rows = db.execute(_SEGMENTS.format(folder=str(folder).replace("'", "''"))).fetchall()
    return [SegmentLine(*row) for row in rows]


def _tables(manifest: Manifest) -> RenderableType:
    table = Table(title=f"Published as of {manifest.as_of}", title_justify="left", box=None, pad_edge=False)
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, entry in sorted(manifest.tables.items()):
        table.add_row(name, f"{entry.rows:,}")
    return table


def _segments(settings: Settings, manifest: Manifest) -> RenderableType:
    from activation.log import summary

    targets: dict[str, list[str]] = {}
    for target in summary(settings):
        sent = ", ".join(f"{count} {outcome}" for outcome, count in sorted(target.outcomes.items()))
        words = f"{target.destination}: {target.last_status}, {target.present} there"
        targets.setdefault(target.segment_code, []).append(words + (f" ({sent} so far)" if sent else ""))
    table = Table(
        title=f"Segments (人群), activation is {settings.activation_mode}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("segment", "name"):
        table.add_column(name)
    for name in ("members", "holdout"):
        table.add_column(name, justify="right")
    table.add_column("destinations")
    for line in segment_lines(settings):
        where = "; ".join(targets.get(line.code, ["not planned yet"]))
        if line.code in manifest.held:
            where = f"[red]held by the gate, members as before[/] -- {where}"
        table.add_row(line.code, line.name_zh, f"{line.members:,}", f"{line.holdout:,}", where)
    return table


def _gate(lake: Lake) -> RenderableType:
    lines = [
        f"[red]held[/] {load.stream.key}: {load.report.rows:,} rows, {load.report.held_reason} "
        f"(`siyu gate release {load.path.name[:8]}` lets it in)"
        for load in lake.held()
    ]
    quarantined = _quarantined(lake)
    lines += [
        f"[yellow]quarantined[/] {stream}: {count:,} rows, {reason}" for stream, reason, count in quarantined
    ]
    return Group("", Text("Gate", style="italic"), *(lines or ["nothing held, nothing quarantined"]))


def _quarantined(lake: Lake) -> Iterable[tuple[str, str, int]]:
    glob = lake.glob(STREAMS["quarantine/rows"])
    if not list(lake.root.glob("quarantine/rows/load_id=*/part-*.parquet")):
        return []
    with connect() as db:
        return db.execute(_QUARANTINED.format(glob=glob.replace("'", "''"))).fetchall()


def _where(settings: Settings) -> RenderableType:
    docs = settings.data_docs_dir / "index.html"
    return Group(
        "",
        Text("Where to look", style="italic"),
        f"tables      {settings.published_dir / 'current'} (Parquet, siyu.duckdb, manifest.json)",
        f"data docs   {docs}" if docs.exists() else "data docs   none yet",
        f"exports     {settings.exports_dir}",
        "a plan      `siyu plan SEGMENT`",
        "everything  `siyu dev`, then http://127.0.0.1:3000",
    )


_SEGMENTS = """
select segments.segment_code, any_value(segments.name_zh), count(members.customer_id),
       count(*) filter (where members.is_holdout)
from read_parquet('{folder}/segments.parquet') as segments
left join read_parquet('{folder}/segment_members.parquet') as members using (segment_code)
group by all
order by segments.segment_code
"""

_QUARANTINED = """
select channel || '/' || stream, reason, count(*)
from read_parquet('{glob}')
group by all
order by count(*) desc, 1, 2
limit 8
"""
