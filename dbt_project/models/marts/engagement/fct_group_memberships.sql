{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'group_memberships'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- A group is always read whole: whoever is missing from its newest version has left.
with group_versions as (

    select
        chat_id,
        owner_userid,
        is_deleted,
        _load_id,
        max(_load_id) over (partition by chat_id) as newest_load_id,
        lead(_load_id) over (partition by chat_id order by _load_id) as next_load_id
    from {{ ref('stg_wecom__groups') }}

),

seen as (

    select
        members.*,
        row_number() over (
            partition by members.chat_id, members.member_userid, members.joined_at order by members._load_id desc
        ) as seen_rank
    from {{ ref('stg_wecom__group_members') }} as members
    where members.member_type_code = 2

)

select
    -- ids
    seen.chat_id,
    seen.member_userid as external_userid,
    identifiers.customer_id,
    group_versions.owner_userid,

    -- strings
    seen.entrance_code,

    -- codes
    seen.join_scene_code,

    -- booleans
    group_versions._load_id = group_versions.newest_load_id as is_member,

    -- dates
    {{ business_date('seen.joined_at') }} as joined_date,

    -- timestamps
    seen.joined_at,
    case
        when group_versions._load_id <> group_versions.newest_load_id
            then {{ load_instant('group_versions.next_load_id') }}
    end as left_known_at
from seen
inner join group_versions on group_versions.chat_id = seen.chat_id and group_versions._load_id = seen._load_id
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = 'external_userid:' || seen.member_userid
cross join {{ ref('int_run__clock') }} as clock
where seen.seen_rank = 1 and {{ business_date('seen.joined_at') }} <= clock.as_of
