"""P4: a set operation over tags with its exact size: Siyu's bitmaps, pyroaring, chDB and DuckDB on the same sets."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from bench.measure import Measure
from orchestration.bitmaps import Bitmaps

TAGS, CUSTOMERS, ASKED, REPEATS = 200, 10_000_000, 30, 3
Question = tuple[int, int, int, int, int]  # a and b and (c or d) and not e


def p4(asked: int | None, folder: Path) -> Measure:
    """Median milliseconds of one question, with the peers' on the same sets."""
    customers = asked or CUSTOMERS
    random = np.random.default_rng(20261122)
    # From one in a thousand to nine in ten, as tags are.
    shares = np.exp(random.uniform(np.log(0.001), np.log(0.9), TAGS))
    sets = {tag: _members(random, customers, shares[tag]) for tag in range(TAGS)}
    questions = [tuple(int(each) for each in random.choice(TAGS, 5, replace=False)) for _ in range(ASKED)]
    sides = {
        "siyu": _siyu(customers, sets),
        "pyroaring": _pyroaring(sets),
        "chdb": _chdb(sets, folder),
        "duckdb_columns": _duckdb(customers, sets, folder),
    }
    answers = {
        name: [ask(question) for question in questions] for name, ask in sides.items()
    }  # warms up as well
    assert len(set(map(tuple, answers.values()))) == 1, {name: each[:3] for name, each in answers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(REPEATS):
        for question in questions:
            for name, ask in sides.items():
                start = time.perf_counter()
                ask(question)
                seconds[name].append(time.perf_counter() - start)
    medians = {name: 1000 * statistics.median(each) for name, each in seconds.items()}
    for name, each in medians.items():
        print(f"  {name}: {each:.3f} ms, Siyu ÷ {name} {medians['siyu'] / each:.2f}", flush=True)
    details = {f"{name}_ms": each for name, each in medians.items()}
    return Measure("P4", medians["siyu"], "ms", 15, "chdb_and_pyroaring", customers, details)


def _members(random: np.random.Generator, customers: int, share: float) -> npt.NDArray[np.uint32]:
    return np.flatnonzero(random.random(customers, dtype=np.float32) < share).astype(np.uint32)


def _siyu(customers: int, sets: dict[int, npt.NDArray[np.uint32]]) -> Callable[[Question], int]:
    bitmaps = Bitmaps(customers)
    for tag, positions in sets.items():
        bitmaps.put(tag, positions)

    def ask(question: Question) -> int:
        a, b, c, d, e = ({"tag": tag} for tag in question)
        return bitmaps.size({"all": [a, b, {"any": [c, d]}, {"not": e}]}, lambda leaf: [leaf["tag"]])

    return ask


def _pyroaring(sets: dict[int, npt.NDArray[np.uint32]]) -> Callable[[Question], int]:
    from pyroaring import BitMap

    maps = {tag: BitMap(positions) for tag, positions in sets.items()}
    for each in maps.values():
        each.run_optimize()

    def ask(question: Question) -> int:
        a, b, c, d, e = (maps[tag] for tag in question)
        return len(((a & b) & (c | d)) - e)

    return ask


def _chdb(sets: dict[int, npt.NDArray[np.uint32]], folder: Path) -> Callable[[Question], int]:
    from chdb.session import Session

    session = Session(str(folder / "chdb"))
    session.query("create database if not exists bench")
    session.query(
        "create table bench.tags (tag UInt16, users AggregateFunction(groupBitmap, UInt32)) "
        "engine MergeTree order by tag"
    )
    for tag, positions in sets.items():
        path = folder / "tag.parquet"
        db = duckdb.connect()
        db.register("members", {"customer": positions})
        db.execute(f"copy (select customer from members) to '{path}'")
        db.close()
        session.query(
            f"insert into bench.tags select {tag}, groupBitmapState(assumeNotNull(customer)) "
            f"from file('{path}', Parquet)"
        )
    session.query("optimize table bench.tags final")

    def ask(question: Question) -> int:
        a, b, c, d, e = (f"(select users from bench.tags where tag = {tag})" for tag in question)
        sql = (
            f"select bitmapCardinality(bitmapAndnot(bitmapAnd(bitmapAnd({a}, {b}), bitmapOr({c}, {d})), {e}))"
        )
        return int(str(session.query(sql, "CSV")).strip())

    return ask


def _duckdb(
    customers: int, sets: dict[int, npt.NDArray[np.uint32]], folder: Path
) -> Callable[[Question], int]:
    db = duckdb.connect(str(folder / "columns.duckdb"))
    columns = {}
    for tag, positions in sets.items():
        bits = np.zeros(customers, dtype=bool)
        bits[positions] = True
        columns[f"t{tag}"] = bits
    db.register("wide", columns)
    db.execute("create table tags as from wide")
    db.unregister("wide")

    def ask(question: Question) -> int:
        a, b, c, d, e = (f"t{tag}" for tag in question)
        row = db.execute(
            f"select count(*) from tags where {a} and {b} and ({c} or {d}) and not {e}"
        ).fetchone()
        assert row is not None
        return int(row[0])

    return ask
