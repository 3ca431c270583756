"""The published copy: what readers use instead of the warehouse. Whole or not at all, and never locked.

``<home>/published/<run id>/`` holds a Parquet file per public table, one DuckDB file with all of them, and
``manifest.json``. The link ``current`` is moved last, in one step. A reader that wants several tables of the
same run resolves ``current`` once and stays in that folder. Pages made from a copy are written beside its tables
before ``current`` moves; links in the root lead to those of the current copy.

A table that is the same as in the last copy is linked, not written again: an ordinary day changes few of
them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from common.clock import utc_now
from common.durable import fsync
from common.settings import Settings
from common.warehouse import connect
from orchestration.project import PublicTable
from orchestration.published_database import DATABASE, table_query, write_database

KEEP_COPIES = 3
KEEP_SECONDS = 3600.0
REPORT = "report.html"
TAGS = "tags.html"
FORMAT = 1

_DIGEST = "select count(*), coalesce(sum(hash(t)), 0)::varchar from ({}) as t"

Schema = list[tuple[str, str]]
Finish = Callable[[Path, Path | None], None]


@dataclass(frozen=True)
class TableEntry:
    """One public table of a copy. ``content_hash`` is equal when the rows are, in whatever order."""

    rows: int
    schema_hash: str
    content_hash: str


@dataclass(frozen=True)
class Manifest:
    """What a copy holds. ``as_of`` is a business day, ``known_at`` the load id the run looked up to."""

    run_id: str
    as_of: str
    known_at: str
    published_at: str
    duckdb_version: str
    held: list[str]
    tables: dict[str, TableEntry] = field(default_factory=dict)
    format: int = FORMAT


def publish(
    settings: Settings,
    tables: Sequence[PublicTable],
    *,
    run_id: str,
    held_segments: Iterable[str] = (),
    extra: Mapping[str, pa.Table] | None = None,
    finish: Finish | None = None,
    notes: Mapping[str, str] | None = None,
) -> Manifest:
    """Write a new copy of the public tables (and of the ``extra`` ones) and make it the current one.

    ``notes`` are small text files beside the tables, by name.
    Of a held segment the members of the last copy stay. Nothing changes for readers until all is on disk.
    ``finish`` is called with the folder of the whole copy and that of the last one (or None), and may add files.

    Raises:
        FileNotFoundError: there is no warehouse.
        duckdb.Error: a public table is missing in the warehouse.
    """
    root = settings.published_dir
    scratch = root / f".new-{run_id}"
    _sweep(root)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    held = sorted(set(held_segments))
    before = _Copy.current(root)
    with _sources(settings, tables, extra or {}) as (db, queries):
        for name in queries:
            if name == "segment_members" and held:
                queries[name] = _keep_members(db, queries[name], held, before)
        entries = {name: _write_table(db, name, query, scratch, before) for name, query in queries.items()}
        if before is not None and before.has_all(entries):
            os.link(before.folder / DATABASE, scratch / DATABASE)
        else:
            write_database(db, scratch / DATABASE, tables, queries)
        as_of, known_at = _run_variables(db)
    manifest = Manifest(
        run_id=run_id,
        as_of=as_of,
        known_at=known_at,
        published_at=utc_now().isoformat(),
        duckdb_version=duckdb.__version__,
        held=held,
        tables=entries,
    )
    (scratch / "manifest.json").write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
    for name, text in (notes or {}).items():
        (scratch / name).write_text(text, encoding="utf-8")
    if finish is not None:
        finish(scratch, before.folder if before else None)
    _sync(scratch)
    target = _free_name(root, run_id)
    scratch.rename(target)
    _point_current_at(root, target)
    _prune(root)
    return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a copy (``published/current``, say), None when there is none."""
    try:
        content = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    tables = {name: TableEntry(**entry) for name, entry in content.pop("tables").items()}
    return Manifest(**content, tables=tables)


@dataclass(frozen=True)
class _Copy:
    """The copy that is current now, as far as files of it can be used again."""

    folder: Path
    manifest: Manifest

    @classmethod
    def current(cls, root: Path) -> _Copy | None:
        folder = (root / "current").resolve()
        manifest = read_manifest(folder)
        if manifest is None or manifest.format != FORMAT:
            return None
        return cls(folder, manifest)

    def has_all(self, entries: dict[str, TableEntry]) -> bool:
        same = self.manifest.tables == entries and (self.folder / DATABASE).exists()
        return same and all(self.has(name, entry) for name, entry in entries.items())

    def has(self, name: str, entry: TableEntry) -> bool:
        return (
            self.manifest.duckdb_version == duckdb.__version__
            and self.manifest.tables.get(name) == entry
            and (self.folder / f"{name}.parquet").exists()
        )


@contextmanager
def _sources(
    settings: Settings, tables: Sequence[PublicTable], extra: Mapping[str, pa.Table]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, str]]]:
    """Open the warehouse read-only beside a private in-memory database, with a query per public table."""
    if not settings.warehouse_path.exists():
        raise FileNotFoundError(f"no warehouse at {settings.warehouse_path}; run `siyu run` first")
    db = connect()
    try:
        db.execute("set preserve_insertion_order = false")  # both cores write; rows of a copy have no order
        db.execute(f"attach {_text(settings.warehouse_path)} as warehouse (read_only)")
        queries = {table.name: table_query(table) for table in tables}
        for name, rows in extra.items():
            db.register(f"extra_{name}", rows)
            queries[name] = f"select * from extra_{name}"  # noqa: S608
        yield db, queries
    finally:
        db.close()


def _write_table(
    db: duckdb.DuckDBPyConnection, name: str, query: str, folder: Path, before: _Copy | None
) -> TableEntry:
    schema: Schema = [(row[0], row[1]) for row in db.execute(f"describe {query}").fetchall()]
    counted = db.execute(_DIGEST.format(query)).fetchone()
    assert counted is not None
    entry = TableEntry(
        rows=counted[0],
        schema_hash=hashlib.sha256(json.dumps(schema).encode()).hexdigest()[:16],
        content_hash=hashlib.sha256(counted[1].encode()).hexdigest()[:16],
    )
    target = folder / f"{name}.parquet"
    if before is not None and before.has(name, entry):
        os.link(before.folder / target.name, target)
    else:
        # Level 1 of zstd: a quarter less time than the default 3, and no larger (5.5 M rows of tag_history: 42 MB
        # against 44 MB, 2026-11-22).
        db.execute(
            f"copy ({query}) to {_text(target)} (format parquet, compression zstd, compression_level 1)"
        )
    return entry


def _keep_members(db: duckdb.DuckDBPyConnection, query: str, held: list[str], before: _Copy | None) -> str:
    codes = ", ".join(_text(code) for code in held)
    fresh = f"select * from ({query}) where segment_code not in ({codes})"  # noqa: S608
    if before is None or "segment_members" not in before.manifest.tables:
        return fresh
    last = before.folder / "segment_members.parquet"
    wanted = [row[0] for row in db.execute(f"describe {query}").fetchall()]
    there = {row[0] for row in db.execute(f"describe from read_parquet({_text(last)})").fetchall()}
    columns = ", ".join(f'"{name}"' if name in there else f'null as "{name}"' for name in wanted)
    kept = f"select {columns} from read_parquet({_text(last)}) where segment_code in ({codes})"  # noqa: S608
    return f"{fresh} union all {kept}"


def _run_variables(db: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    row = db.execute(
        "select as_of::varchar, known_load_id from warehouse.meta.run_log order by run_no desc limit 1"
    ).fetchone()
    return (row[0], row[1]) if row else ("", "")


def _free_name(root: Path, run_id: str) -> Path:
    target, number = root / run_id, 1
    while target.exists():
        number += 1
        target = root / f"{run_id}-{number}"
    return target


def _point_current_at(root: Path, target: Path) -> None:
    _link(root, "current", target.name)
    for name in (REPORT, TAGS):
        if (target / name).exists():
            link_page(root, name)
    fsync(root)


def link_page(root: Path, name: str) -> None:
    """Lead a page of the root to that of the current copy: through ``current``, so both move in one step."""
    if not (root / name).is_symlink():
        _link(root, name, f"current/{name}")


def _link(root: Path, name: str, target: str) -> None:
    link = root / f".{name}-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    os.replace(link, root / name)


def _prune(root: Path) -> None:
    """Drop copies beyond the newest three, except those younger than an hour or that somebody has open."""
    current = (root / "current").resolve()
    copies = sorted(root.glob("[!.]*/manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    old = [
        path.parent
        for path in copies
        if not path.parent.is_symlink() and time.time() - path.stat().st_mtime > KEEP_SECONDS
    ]
    spared = {path.parent for path in [each for each in copies if not each.parent.is_symlink()][:KEEP_COPIES]}
    doomed = [folder for folder in old if folder not in spared and folder.resolve() != current]
    if doomed:
        opened = _open_files()
        for folder in doomed:
            if not any(path.startswith(f"{folder.resolve()}/") for path in opened):
                shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left: copies that were never finished."""
    for path in root.glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)
    for pattern in (".current-*", f".{REPORT}-*", f".{TAGS}-*"):
        for path in root.glob(pattern):
            path.unlink(missing_ok=True)


def _open_files() -> set[str]:
    """Paths that processes have open (Linux); elsewhere an open file survives its removal anyway."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


def _sync(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        fsync(path)


def _text(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
