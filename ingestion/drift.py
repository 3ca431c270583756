"""Schema drift (字段漂移): which JSON paths of a stream are new, gone or of another type. Reported, never blocking.

Each load keeps its shape in its report; what arrives is compared with the shapes of the last loads. Shapes are
taken of a sample, so a field that one record in many thousands carries may be noticed a few days late.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.lake import Lake
from common.streams import Stream
from common.warehouse import connect

SAMPLE_ROWS = 2000
# A handful of records says little about what a field usually looks like.
FEWEST_ROWS = 20
LOADS_COMPARED = 10
USUAL_SHARE = 0.5
_MOST_PATHS = 500

Shape = dict[str, Any]


def shape_of(folder: Path) -> Shape:
    """Return {"rows", "paths": {path: [share of the records that have it, type]}} of an arrival's sample.

    Paths look like ``follow_info.tag_id[]``; types are ``number``, ``text``, ``boolean`` or ``mixed``. Empty fields
    count as absent. Of more than 500 paths the commonest are kept.
    """
    parts = str(folder / "part-*.parquet").replace("'", "''")
    with connect() as db:
        rows = db.execute(_SAMPLE.format(parts=parts, rows=SAMPLE_ROWS)).fetchall()
    counts: Counter[str] = Counter()
    types: dict[str, set[str]] = {}
    for (payload,) in rows:
        found = dict(_leaves("", json.loads(payload)))
        counts.update(found.keys())
        for path, kind in found.items():
            types.setdefault(path, set()).add(kind)
    paths = {
        path: [round(count / len(rows), 3), *(types[path] if len(types[path]) == 1 else ("mixed",))]
        for path, count in counts.most_common(_MOST_PATHS)
    }
    return {"rows": len(rows), "paths": paths}


def drift(shape: Shape, before: Iterable[Shape]) -> list[str]:
    """Return one line for each new, vanished or retyped path against the shapes of earlier loads."""
    known = [each for each in before if each["rows"]]
    if sum(each["rows"] for each in known) < FEWEST_ROWS or not shape["rows"]:
        return []
    known_paths: dict[str, set[str]] = {}
    for each in known:
        for path, (_, kind) in each["paths"].items():
            known_paths.setdefault(path, set()).add(kind)
    lines = [f"new: {path} ({kind})" for path, (_, kind) in shape["paths"].items() if path not in known_paths]
    lines += [
        f"retyped: {path} is {kind}, was {' or '.join(sorted(known_paths[path]))}"
        for path, (_, kind) in shape["paths"].items()
        if kind not in known_paths.get(path, {kind}) and "mixed" not in known_paths[path]
    ]
    usual = next((each for each in reversed(known) if each["rows"] >= FEWEST_ROWS), None)
    if usual and shape["rows"] >= FEWEST_ROWS:
        lines += [
            f"vanished: {path}, which {share:.0%} of the records had"
            for path, (share, _) in usual["paths"].items()
            if share >= USUAL_SHARE and path not in shape["paths"]
        ]
    return sorted(lines)


def known_shapes(lake: Lake, stream: Stream) -> list[Shape]:
    """Return the shapes of a stream's last admitted loads, oldest first."""
    loads = lake.loads(stream)[-LOADS_COMPARED:]
    return [load.details["shape"] for load in loads if "shape" in load.details]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(path + "[]", item)
    elif isinstance(value, bool):
        yield path, "boolean"
    elif isinstance(value, int | float):
        yield path, "number"
    elif value:
        yield path, "text"


_SAMPLE = """
select payload from (select payload from read_parquet('{parts}') where payload is not null)
using sample reservoir({rows} rows) repeatable (1)
"""
