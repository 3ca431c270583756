{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'points_changes'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with newest as (

    {{ latest_version(ref('int_members__points_changes_unioned'), 'change_key', '_row_no desc') }}

)

select
    newest.change_key,
    newest.channel_code,
    newest.reason_code,
    identifiers.customer_id,
    newest.points,
    newest.changed_date,
    newest.changed_at
from newest
inner join {{ ref('int_run__identifiers') }} as identifiers on identifiers.identifier_key = newest.buyer_key
cross join {{ ref('int_run__clock') }} as clock
where newest.changed_date <= clock.as_of
