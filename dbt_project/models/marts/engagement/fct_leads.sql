{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'leads'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with newest as (

    {{ latest_version(ref('stg_video_account__leads'), 'lead_id', 'lead_id asc') }}

)

select
    -- ids
    newest.lead_id,
    identifiers.customer_id,
    newest.form_id,
    newest.request_id,

    -- booleans
    {{ json_text('newest.phone_hmacs', '$[0]') }} is not null as has_phone,

    -- dates
    {{ business_date('newest.submitted_at') }} as submitted_date,

    -- timestamps
    newest.submitted_at,
    newest.live_started_at
from newest
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ lead_key('newest.lead_id', 'newest.phone_hmacs') }}
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('newest.submitted_at') }} <= clock.as_of
