{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'official_followers'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with followers as (

    select
        stg_followers.*,
        max(case when not is_deleted then _load_id end) over (partition by openid) as last_seen_load_id
    from {{ ref('stg_official_account__followers') }} as stg_followers

),

newest as (

    {{ latest_version('followers', 'openid', 'openid asc') }}

),

-- What a follower looked like is in the last version that was not a delete.
last_seen as (

    select * from followers where _load_id = last_seen_load_id

)

select
    -- ids
    last_seen.openid,
    identifiers.customer_id,

    -- strings
    last_seen.entrance_code,

    -- codes
    last_seen.scene_code,

    -- booleans
    not newest.is_deleted as is_following,

    -- dates
    {{ business_date('last_seen.followed_at') }} as followed_date,

    -- timestamps
    last_seen.followed_at,
    case when newest.is_deleted then {{ load_instant('newest._load_id') }} end as ended_known_at
from last_seen
inner join newest on newest.openid = last_seen.openid
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ official_openid_key('last_seen.openid') }}
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('last_seen.followed_at') }} <= clock.as_of
