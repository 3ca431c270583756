"""A reader of the published copy, as a process of its own. Nothing of Siyu is in it but DuckDB and the files.

Usage: ``python reader.py PUBLISHED STOP``. Holds open the copy that is current at the start, opens what is
current anew again and again, and when the file STOP appears prints what it saw as one line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb


def digests(folder: Path) -> dict[str, str]:
    """A digest of each file of a copy."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def look(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Read a whole copy: the manifest, and where it and the tables do not agree."""
    manifest = json.loads((folder / "manifest.json").read_text())
    expected = {name: entry["rows"] for name, entry in manifest["tables"].items()}
    with duckdb.connect(str(folder / "siyu.duckdb"), read_only=True) as db:
        names = [row[0] for row in db.execute("show tables").fetchall()]
        inside = {name: db.execute(f'select count(*) from "{name}"').fetchall()[0][0] for name in names}
        files = {
            path.stem: db.execute(f"select count(*) from '{path}'").fetchall()[0][0]
            for path in folder.glob("*.parquet")
        }
        # Tables of two runs in one copy would give themselves away here: customers sum up the orders.
        torn = db.execute(
            "select (select sum(order_count) from customers) <> (select count(*) from orders where is_valid)"
        ).fetchall()[0][0]
    both = {"duckdb": inside, "parquet": files}
    wrong = [f"{what}: {found} for {expected}" for what, found in both.items() if found != expected]
    return manifest, wrong + (["customers and orders are of two runs"] if torn else [])


def main(published: Path, stop: Path) -> dict[str, Any]:
    """Read until told to stop; return what was seen."""
    held = (published / "current").resolve()
    before = digests(held)
    seen: dict[str, str] = {}
    wrong: list[str] = []
    looks = holds = 0
    with (
        duckdb.connect(str(held / "siyu.duckdb"), read_only=True) as db,
        (held / "orders.parquet").open("rb") as file,
    ):
        first = db.execute("select count(*), sum(amount_fen) from orders").fetchall()
        bytes_of_file = file.read()
        (stop.parent / "reading").touch()
        stopping = False
        while not stopping:
            stopping = stop.exists()  # one more look after that
            manifest, found = look((published / "current").resolve())
            seen[manifest["run_id"]] = manifest["as_of"]
            wrong += found
            looks += 1
            file.seek(0)
            same = db.execute("select count(*), sum(amount_fen) from orders").fetchall() == first
            holds += same and file.read() == bytes_of_file
            time.sleep(0.05)  # leave the run a processor
    if digests(held) != before:
        wrong.append("the copy that was held open changed")
    return {"looks": looks, "holds": holds, "seen": seen, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
