"""One row per identifier and day on which it went from one customer to another, as the evenings of the days saw it.

Also one row per identifier looked at again on the day that the previous run left open, moved or not.

A component looked at again is computed once more for the evening of every day on which its edges changed, all of them
in one graph whose nodes are (component, day, identifier). What happened on one day alone needs no graph.
"""

from common.closure import connected, over_limit, split

# What an edge joined at any time is one group: components that an edge of the past connects.
PAST_EDGES = """
select distinct component_no as a, hub_component_no as b
from spans
where until_day < 99999999 and component_no <> hub_component_no
"""
# The days on whose evenings a group may differ from the evening before.
STEPS = """
with ends as (
    select component_no, from_day as day_no from spans where from_day >= 0
    union
    select component_no, until_day from spans where until_day < 99999999
    union
    select hub_component_no, from_day from spans where from_day >= 0
    union
    select hub_component_no, until_day from spans where until_day < 99999999
    union
    select components.component_no, unnest([apart.from_day, apart.until_day])
    from apart
    inner join components on components.identifier_no = apart.identifier_no
),
days as (
    select distinct coalesce(groups.group_no, ends.component_no) as group_no, ends.day_no
    from ends
    left join groups on groups.component_no = ends.component_no
    where ends.day_no >= {first_day} and ends.day_no < 99999999
)
select
    group_no, day_no,
    row_number() over (order by group_no, day_no) as step_no,
    count(*) over (partition by group_no) as step_count
from days
"""
# Of the groups with several steps, everything that holds on the evening of a step; numbered by step and identifier.
HELD = """
select
    steps.step_no, spans.identifier_no, spans.hub_no, spans.source_rank,
    spans.identifier_no = spans.hub_no as is_node
from spans
left join groups on groups.component_no = spans.component_no
inner join steps on steps.group_no = coalesce(groups.group_no, spans.component_no)
where steps.step_count > 1 and spans.from_day <= steps.day_no and steps.day_no < spans.until_day
"""
NODES = """
select
    step_no, identifier_no, row_number() over (order by step_no, identifier_no) - 1 as node_no
from held
where is_node
"""
EDGES = """
select hubs.node_no as a, nodes.node_no as b
from held
inner join nodes on nodes.step_no = held.step_no and nodes.identifier_no = held.identifier_no
inner join nodes as hubs on hubs.step_no = held.step_no and hubs.identifier_no = held.hub_no
where not held.is_node
"""
CAPPED = """
select nodes.node_no as identifier_no, types.type_rank, types.most_per_customer
from nodes
inner join identifiers on identifiers.identifier_no = nodes.identifier_no
inner join types on types.identifier_type = identifiers.identifier_type and types.most_per_customer is not null
union all
select nodes.node_no, 1000 + apart.pair_no, 1
from nodes
inner join steps on steps.step_no = nodes.step_no
inner join apart on apart.identifier_no = nodes.identifier_no
where apart.from_day <= steps.day_no and steps.day_no < apart.until_day
order by 1
"""
# As in int_run__components: the most trusted source, the strongest type, then the earliest loaded.
RANKED_EDGES = """
select hubs.node_no as a, nodes.node_no as b
from held
inner join nodes on nodes.step_no = held.step_no and nodes.identifier_no = held.identifier_no
inner join nodes as hubs on hubs.step_no = held.step_no and hubs.identifier_no = held.hub_no
inner join suspects on suspects.node_no = nodes.node_no
inner join identifiers on identifiers.identifier_no = held.identifier_no
inner join types on types.identifier_type = identifiers.identifier_type
where not held.is_node
group by hubs.node_no, nodes.node_no, types.type_rank
order by min(held.source_rank), types.type_rank, hubs.node_no, nodes.node_no
"""
NOBODY = """
select
    identifier_no, from_customer_no, from_customer_no as to_customer_no,
    cast(null as varchar) as move_kind, moved_date
from moved
where false
"""
RESULT = """
with evenings as (
    select steps.day_no, nodes.identifier_no, first_nodes.identifier_no as anchor_no
    from nodes
    inner join anchors on anchors.node_no = nodes.node_no
    inner join nodes as first_nodes on first_nodes.node_no = anchors.first_node_no
    inner join steps on steps.step_no = nodes.step_no
    union all
    select steps.day_no, components.identifier_no, components.anchor_no
    from components
    left join groups on groups.component_no = components.component_no
    inner join steps on steps.group_no = coalesce(groups.group_no, components.component_no) and steps.step_count = 1
),
compared as (
    select
        evenings.day_no, evenings.identifier_no, evenings.anchor_no,
        case
            when presence.from_day = evenings.day_no then null
            else coalesce(
                lag(evenings.anchor_no) over (partition by evenings.identifier_no order by evenings.day_no),
                case when evenings.day_no = {first_day} then moved.from_customer_no end,
                before.anchor_no
            )
        end as anchor_no_before
    from evenings
    inner join spans as presence
        on presence.identifier_no = evenings.identifier_no and presence.hub_no = evenings.identifier_no
    left join before on before.identifier_no = evenings.identifier_no
    left join moved on moved.identifier_no = evenings.identifier_no
)
select
    moves.identifier_no,
    moves.anchor_no_before as from_customer_no,
    moves.anchor_no as to_customer_no,
    case
        when moves.anchor_no = moves.anchor_no_before then null
        when new_owner.anchor_no_before is distinct from moves.anchor_no then 'unmerge'
        when old_owner.anchor_no is distinct from moves.anchor_no_before then 'merge'
        else 'reassigned'
    end as move_kind,
    date '1970-01-01' + cast(moves.day_no as integer) as moved_date
from compared as moves
left join compared as old_owner
    on old_owner.identifier_no = moves.anchor_no_before and old_owner.day_no = moves.day_no
left join compared as new_owner
    on new_owner.identifier_no = moves.anchor_no and new_owner.day_no = moves.day_no
where
    moves.anchor_no_before is not null
    and (moves.anchor_no <> moves.anchor_no_before or moves.day_no = {first_day})
"""


def model(dbt, session):
    dbt.config(materialized="table")
    return identity_moves(
        session,
        spans=dbt.ref("int_run__edge_spans"),
        components=dbt.ref("int_run__components"),
        before=dbt.ref("int_run__components_before"),
        moved=dbt.ref("int_run__moves_before"),
        apart=dbt.ref("int_run__apart_spans"),
        identifiers=dbt.ref("int_identity__identifiers"),
        types=dbt.ref("int_identity__type_policy"),
        clock=dbt.ref("int_run__clock"),
    )


def identity_moves(session, spans, components, before, moved, apart, identifiers, types, clock):
    """Queries find relations and Arrow tables by the names they have here."""
    if not components.limit(1).fetchall():
        return session.query(NOBODY)
    import numpy as np
    import pyarrow as pa

    first_day = clock.select("first_open_day").fetchall()[0][0]
    past = session.query(PAST_EDGES).fetchnumpy()
    numbers = np.unique(np.concatenate([past["a"], past["b"]]))
    groups = pa.table({"component_no": numbers, "group_no": connected(numbers, past["a"], past["b"])})
    steps = session.query(STEPS.format(first_day=first_day)).to_arrow_table()
    held = session.query(HELD).to_arrow_table()
    nodes = session.query(NODES).to_arrow_table()
    numbers = np.arange(len(nodes), dtype=np.int64)
    edges = session.query(EDGES).fetchnumpy()
    together = connected(numbers, edges["a"], edges["b"])
    capped = session.query(CAPPED).fetchnumpy()
    crowded = over_limit(numbers, together, capped)
    first_nodes = together
    if len(crowded):
        suspects = pa.table({"node_no": crowded})
        first_nodes = split(numbers, together, crowded, session.query(RANKED_EDGES).fetchnumpy(), capped)
    anchors = pa.table({"node_no": numbers, "first_node_no": first_nodes})
    return session.query(RESULT.format(first_day=first_day)).to_arrow_table()
