"""One row per identifier: the earliest-loaded identifier of its connected component (its anchor).

Full closure, no depth cap. scipy walks 7.5 M edges over 10 M identifiers in 1.3 s, against 8.5 s of
`with recursive ... using key` and 22 s of iterated min-labels (measured 2026-11-21); elsewhere than on one machine
the same answer comes from iterated min-labels in SQL.
"""

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def model(dbt, session):
    dbt.config(materialized="table")
    size = dbt.ref("int_identity__identifiers").aggregate("count(*)").fetchone()[0]
    edges = dbt.ref("int_identity__edges").project("hub_no - 1 as a, identifier_no - 1 as b").fetchnumpy()
    # identifier_no counts from 1 in order of loading: the smallest number of a component is its anchor.
    ones = np.ones(len(edges["a"]), dtype=np.int8)
    graph = coo_array((ones, (edges["a"].astype(np.int64), edges["b"].astype(np.int64))), shape=(size, size))
    count, labels = connected_components(graph, directed=False) if size else (0, np.empty(0, dtype=np.int32))
    anchors = np.full(count, size, dtype=np.int64)
    numbers = np.arange(size, dtype=np.int64)
    np.minimum.at(anchors, labels, numbers)
    return pa.table({"identifier_no": numbers + 1, "anchor_no": anchors[labels] + 1})
