{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'wecom_relations'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with contacts as (

    select
        stg_contacts.*,
        max(case when not is_deleted then _load_id end) over (partition by record_key) as last_seen_load_id
    from {{ ref('stg_wecom__contacts') }} as stg_contacts

),

newest as (

    {{ latest_version('contacts', 'record_key', 'record_key asc') }}

),

-- What a relation looked like is in its last version that was not a delete.
last_seen as (

    select * from contacts where _load_id = last_seen_load_id

)

select
    -- ids
    last_seen.userid,
    last_seen.external_userid,
    identifiers.customer_id,

    -- strings
    last_seen.entrance_code,
    last_seen.video_account_name,

    -- codes
    last_seen.add_way_code,
    last_seen.video_account_source_code,

    -- booleans
    not newest.is_deleted as is_active,

    -- dates
    {{ business_date('last_seen.added_at') }} as added_date,

    -- timestamps
    last_seen.added_at,
    case when newest.is_deleted then {{ load_instant('newest._load_id') }} end as ended_known_at
from last_seen
inner join newest on newest.record_key = last_seen.record_key
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = 'external_userid:' || last_seen.external_userid
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('last_seen.added_at') }} <= clock.as_of
