"""The other sides of P6, each in a process of its own: python -m bench.peers PEER FOLDER

FOLDER holds nodes.parquet (identifier_no) and edges.parquet (a, b) as numbers, and the same edges as text, the form in
which a lake has them, in keys.parquet (a, b). Prints seconds from the first byte read to the last label known, imports
not counted, and how many components there are.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def scipy_on_numbers(folder: Path) -> int:
    """scipy on edges that are numbers already."""
    edges = pq.read_table(folder / "edges.parquet")
    numbers = pq.read_table(folder / "nodes.parquet")["identifier_no"].to_numpy()
    return _components(edges["a"].to_numpy() - 1, edges["b"].to_numpy() - 1, int(numbers.max()))


def scipy_on_keys(folder: Path) -> int:
    """scipy on the edges as text; of the numbers that the keys get, only those in edges are counted."""
    edges = pq.read_table(folder / "keys.parquet")
    ends = pa.chunked_array([*edges["a"].chunks, *edges["b"].chunks]).combine_chunks().dictionary_encode()
    numbers = ends.indices.to_numpy()
    half = edges.num_rows
    return _components(numbers[:half], numbers[half:], len(ends.dictionary))


def splink_on_numbers(folder: Path) -> int:
    """splink's clustering, on DuckDB, of the same nodes and edges."""
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    with duckdb.connect(str(folder / "splink.duckdb")) as db:
        db.execute(f"create view bench_nodes as from '{folder}/nodes.parquet'")
        db.execute(f"create view bench_edges as select a, b from '{folder}/edges.parquet'")
        clusters = cluster_pairwise_predictions_at_threshold(
            "bench_nodes",
            "bench_edges",
            db_api=DuckDBAPI(connection=db),
            node_id_column_name="identifier_no",
            edge_id_column_name_left="a",
            edge_id_column_name_right="b",
        )
        found = db.execute(f"select count(distinct cluster_id) from {clusters.physical_name}").fetchone()
    assert found is not None
    return int(found[0])


def _components(a: np.ndarray, b: np.ndarray, size: int) -> int:
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    return int(connected_components(graph, directed=False)[0])


PEERS: dict[str, Callable[[Path], int]] = {
    "scipy": scipy_on_numbers,
    "scipy_on_keys": scipy_on_keys,
    "splink": splink_on_numbers,
}


if __name__ == "__main__":
    if sys.argv[1] == "splink":
        import splink.clustering  # noqa: F401 - imported before the clock starts, as scipy is
    begin = time.perf_counter()
    components = PEERS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - begin, "components": components}))
