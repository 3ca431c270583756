{{ config(meta={'published_as': 'identity_conflicts'}) }}

with linked as (

    select
        links.record_uid,
        links.hub_no,
        links.identifier_no,
        links.source_rank,
        links.load_no
    from {{ ref('int_identity__links') }} as links

),

-- Components that a limit cut: an edge between two of its customers is one that was refused.
cut_components as (

    select distinct component_no
    from {{ ref('int_identity__components') }}
    where anchor_no <> component_no

),

cut_members as (

    select components.*
    from {{ ref('int_identity__components') }} as components
    inner join cut_components on cut_components.component_no = components.component_no

),

over_limit as (

    select
        linked.identifier_no,
        linked.hub_no as other_identifier_no,
        members.anchor_no,
        hubs.anchor_no as other_anchor_no,
        min(linked.source_rank) as source_rank,
        count(distinct linked.record_uid) as record_count,
        cast(2 as bigint) as joined_customer_count,
        min(linked.load_no) as first_load_no,
        max(linked.load_no) as last_load_no
    from linked
    inner join cut_members as members on members.identifier_no = linked.identifier_no
    inner join cut_members as hubs on hubs.identifier_no = linked.hub_no
    left join {{ ref('int_identity__limited') }} as limited on limited.identifier_no = linked.identifier_no
    where hubs.anchor_no <> members.anchor_no and limited.identifier_no is null
    group by linked.identifier_no, linked.hub_no, members.anchor_no, hubs.anchor_no

),

-- Pairs of customers between whom a reviewer's verdict stands.
kept_apart as (

    select distinct
        owners.anchor_no,
        others.anchor_no as other_anchor_no
    from {{ ref('int_identity__apart') }} as apart
    inner join {{ ref('int_identity__components') }} as owners on owners.identifier_no = apart.identifier_no
    inner join {{ ref('int_identity__components') }} as others on others.identifier_no = apart.other_no

),

-- Values that join nobody, and how many customers each would have made one.
stopped as (

    select
        identifiers.identifier_no,
        identifiers.blocked_reason
    from {{ ref('int_identity__identifiers') }} as identifiers
    where identifiers.blocked_reason is not null
    union all
    select
        limited.identifier_no,
        cast(null as varchar)
    from {{ ref('int_identity__limited') }} as limited
    inner join {{ ref('int_identity__identifiers') }} as identifiers
        on identifiers.identifier_no = limited.identifier_no
    where identifiers.blocked_reason is null

),

joining_nobody as (

    select
        stopped.identifier_no,
        stopped.blocked_reason,
        min(linked.source_rank) as source_rank,
        count(distinct linked.record_uid) as record_count,
        count(distinct components.anchor_no) as joined_customer_count,
        min(linked.load_no) as first_load_no,
        max(linked.load_no) as last_load_no
    from stopped
    inner join linked on linked.identifier_no = stopped.identifier_no
    left join linked as companions
        on companions.record_uid = linked.record_uid and companions.identifier_no <> linked.identifier_no
    left join {{ ref('int_identity__components') }} as components
        on components.identifier_no = companions.identifier_no
    group by stopped.identifier_no, stopped.blocked_reason

),

conflicts as (

    select
        case when kept_apart.anchor_no is null then 'over_limit' else 'kept_apart' end as conflict_kind,
        over_limit.identifier_no,
        over_limit.other_identifier_no,
        over_limit.anchor_no,
        over_limit.other_anchor_no,
        cast(null as varchar) as blocked_reason,
        over_limit.source_rank,
        over_limit.record_count,
        over_limit.joined_customer_count,
        over_limit.first_load_no,
        over_limit.last_load_no
    from over_limit
    left join kept_apart
        on
            kept_apart.anchor_no = over_limit.anchor_no
            and kept_apart.other_anchor_no = over_limit.other_anchor_no
    union all
    select
        case when blocked_reason is null then 'brake' else 'blocked_value' end,
        identifier_no,
        cast(null as bigint) as other_identifier_no,
        identifier_no as anchor_no,
        cast(null as bigint) as other_anchor_no,
        blocked_reason,
        source_rank,
        record_count,
        joined_customer_count,
        first_load_no,
        last_load_no
    from joining_nobody

)

select
    conflicts.conflict_kind,
    identifiers.identifier_key,
    others.identifier_key as other_identifier_key,
    {{ customer_id_of('anchors.identifier_key') }} as customer_id,
    {{ customer_id_of('other_anchors.identifier_key') }} as other_customer_id,
    case conflicts.conflict_kind
        when 'over_limit' then 'one customer would have more of a type than identity_types allows'
        when 'kept_apart' then 'a reviewer decided that the two are different people'
        when 'brake' then 'stands beside more than ' || types.most_beside || ' others'
        else conflicts.blocked_reason
    end as reason,
    sources.source_code,
    conflicts.record_count,
    conflicts.joined_customer_count,
    {{ instant_of_load_number('conflicts.first_load_no') }} as first_loaded_at,
    {{ instant_of_load_number('conflicts.last_load_no') }} as last_loaded_at
from conflicts
inner join {{ ref('int_identity__identifiers') }} as identifiers
    on identifiers.identifier_no = conflicts.identifier_no
inner join {{ ref('int_identity__type_policy') }} as types on types.identifier_type = identifiers.identifier_type
inner join {{ ref('int_identity__source_policy') }} as sources on sources.source_rank = conflicts.source_rank
inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = conflicts.anchor_no
left join {{ ref('int_identity__identifiers') }} as others on others.identifier_no = conflicts.other_identifier_no
left join {{ ref('int_identity__identifiers') }} as other_anchors
    on other_anchors.identifier_no = conflicts.other_anchor_no
