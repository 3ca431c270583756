"""One row per identifier looked at again: its component, and the earliest-loaded identifier of its customer (anchor).

A component is what the edges join, to full closure. A customer is a component, or a part of it where a limit of the
policy (one unionid per customer), or a reviewer, refuses an edge.
"""

from common.closure import connected, over_limit, split

EDGES = """
select links.hub_no as a, links.identifier_no as b
from links
{of_links}
anti join limited on limited.identifier_no = links.identifier_no
anti join limited as limited_hubs on limited_hubs.identifier_no = links.hub_no
where links.hub_no <> links.identifier_no
"""
OF_NODES = "semi join nodes on nodes.identifier_no = {relation}.identifier_no"
# Two identifiers that a reviewer keeps apart are a kind of their own, of which a customer may have one.
CAPPED = """
select identifiers.identifier_no, types.type_rank, types.most_per_customer
from identifiers
inner join types on types.identifier_type = identifiers.identifier_type and types.most_per_customer is not null
{of_identifiers}
union all
select apart.identifier_no, 1000 + apart.pair_no, 1
from apart
{of_apart}
"""
# The order in which edges are let in: the most trusted source, the strongest type, then the earliest loaded.
RANKED_EDGES = """
select links.hub_no as a, links.identifier_no as b
from links
semi join suspects on suspects.identifier_no = links.identifier_no
inner join identifiers on identifiers.identifier_no = links.identifier_no
inner join types on types.identifier_type = identifiers.identifier_type
anti join limited on limited.identifier_no = links.identifier_no
anti join limited as limited_hubs on limited_hubs.identifier_no = links.hub_no
where links.hub_no <> links.identifier_no
group by links.hub_no, links.identifier_no, types.type_rank
order by min(links.source_rank), types.type_rank, links.hub_no, links.identifier_no
"""
NOBODY = """
select identifier_no, component_no, anchor_no, anchor_no as anchor_no_before
from before
where false
"""
RESULT = """
select now.identifier_no, now.component_no, now.anchor_no, before.anchor_no as anchor_no_before
from now
left join before on before.identifier_no = now.identifier_no
"""


def model(dbt, session):
    dbt.config(materialized="table")
    return closure(
        session,
        touched=dbt.ref("int_run__touched_identifiers"),
        before=dbt.ref("int_run__components_before"),
        links=dbt.ref("int_identity__links"),
        limited=dbt.ref("int_identity__limited"),
        identifiers=dbt.ref("int_identity__identifiers"),
        types=dbt.ref("int_identity__type_policy"),
        apart=dbt.ref("int_identity__apart"),
    )


def closure(session, touched, before, links, limited, identifiers, types, apart):
    """Queries find relations and Arrow tables by the names they have here."""
    if not touched.limit(1).fetchall():
        return session.query(NOBODY)  # a quiet day does not pay for the imports
    import numpy as np
    import pyarrow as pa

    known, highest = identifiers.aggregate("count(*), max(identifier_no)").fetchall()[0]
    # On a rebuild all identifiers are looked at, and so are all edges and limits.
    partly = not known == highest == touched.count("*").fetchall()[0][0]
    if not partly:
        numbers = np.arange(1, known + 1)
    else:
        looked_at = [each.select("identifier_no").fetchnumpy()["identifier_no"] for each in (touched, before)]
        numbers = np.unique(np.concatenate(looked_at))
    nodes = pa.table({"identifier_no": numbers})

    def only(relation):
        return OF_NODES.format(relation=relation) if partly else ""

    edges = session.query(EDGES.format(of_links=only("links"))).fetchnumpy()
    components = connected(numbers, edges["a"], edges["b"])
    anchors = components
    capped = session.query(
        CAPPED.format(of_identifiers=only("identifiers"), of_apart=only("apart"))
    ).fetchnumpy()
    crowded = over_limit(numbers, components, capped)
    if len(crowded):
        suspects = pa.table({"identifier_no": crowded})
        ranked = session.query(RANKED_EDGES).fetchnumpy()
        anchors = split(numbers, components, crowded, ranked, capped)
    now = pa.table({"identifier_no": numbers, "component_no": components, "anchor_no": anchors})
    if not before.limit(1).fetchall():
        return now.append_column("anchor_no_before", pa.nulls(len(numbers), pa.int64()))
    return session.query(RESULT).to_arrow_table()
