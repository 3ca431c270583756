{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'moment_interactions'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- A colleague's likes and answers are no customer's.
with versions as (

    select
        interactions.*,
        identifiers.customer_id
    from {{ ref('stg_wecom__moment_interactions') }} as interactions
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || interactions.external_userid

),

newest as (

    {{ latest_version('versions', 'interaction_key', 'interaction_key asc') }}

)

select
    -- ids
    newest.interaction_key,
    newest.moment_id,
    newest.userid,
    newest.external_userid,
    newest.customer_id,

    -- strings
    newest.interaction_code,

    -- dates
    {{ business_date('newest.interacted_at') }} as interacted_date,

    -- timestamps
    newest.interacted_at
from newest
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('newest.interacted_at') }} <= clock.as_of
