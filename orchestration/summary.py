"""What a run left behind, told to a person: tables, segments, what the gate held, and where to look next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.markup import escape
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
    table = Table(
        title=f"\nSegments (人群); activation is {settings.activation_mode}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("segment", "name"):
        table.add_column(name, no_wrap=True)
    for name in ("members", "holdout"):
        table.add_column(name, justify="right")
    for name in ("destination", "last plan"):
        table.add_column(name, no_wrap=True)
    table.add_column("there now", justify="right")
    targets = _targets(settings)
    for line in segment_lines(settings):
        name = f"{line.name_zh} [red](held, as before)[/]" if line.code in manifest.held else line.name_zh
        about = (line.code, name, f"{line.members:,}", f"{line.holdout:,}")
        for destination, plan, present in targets.get(line.code, [("-", "none yet", "")]):
            table.add_row(*about, destination, plan, present)
            about = ("", "", "", "")
    return table


def _targets(settings: Settings) -> dict[str, list[tuple[str, str, str]]]:
    """Return (destination, last plan in words, rows known to be there) of each destination by segment."""
    from activation.log import summary
    from activation.plans import get_plan

    found: dict[str, list[tuple[str, str, str]]] = {}
    for target in summary(settings):
        plan = get_plan(settings, target.last_plan_id) if target.last_plan_id else None
        counts = {"+": plan.adds, "~": plan.changes, "-": plan.removes} if plan else {}
        moves = " ".join(f"{sign}{count:,}" for sign, count in counts.items() if count) or "nothing to send"
        words = f"{moves}, {target.last_status}"
        if target.in_doubt:
            words += f", {target.in_doubt:,} in doubt"
        if target.waiting:
            words += f", {target.waiting:,} wait for staff"
        found.setdefault(target.segment_code, []).append((target.destination, words, f"{target.present:,}"))
    return found


def _gate(lake: Lake) -> RenderableType:
    lines = [
        f"[red]held[/] {load.stream.key}: {load.report.rows:,} rows, {escape(load.report.held_reason or '')} "
        f"(`siyu gate release {load.path.name[:8]}` lets it in)"
        for load in lake.held()
    ]
    quarantined = _quarantined(lake)
    lines += [
        f"[yellow]quarantined[/] {stream}: {count:,} rows, {escape(reason)}"
        for stream, reason, count in quarantined
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
