{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'customers'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Whoever has done something by as_of. Windowed figures are those of the end of that day.
with seen as (

    select
        customer_id,
        min(event_date) as first_seen_date,
        max(event_date) as last_seen_date
    from {{ ref('int_run__daily') }}
    group by customer_id

),

numbers as (

    select distinct
        customer_id,
        customer_no
    from {{ ref('bridge_customer_identities') }}

),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

buying as (

    select
        customer_id,
        min(event_date) as first_order_date,
        max(event_date) as last_order_date
    from {{ ref('int_run__daily') }}
    where order_count > 0
    group by customer_id

)

select
    -- ids
    timeline.customer_id,
    numbers.customer_no,

    -- strings
    profiles.name_masked,
    profiles.phone_masked,
    timeline.gender,
    timeline.city,
    timeline.first_channel_code,

    -- numerics
    timeline.birth_month
    {%- for measure in measures() %},
    timeline.{{ measure.total }}
    {%- for window in var('windows') %},
    timeline.{{ measure.window % window }}
    {%- endfor %}
    {%- endfor %},

    -- booleans
    noise.customer_id is not null as is_noise,

    -- dates
    profiles.birthday,
    profiles.registered_date,
    seen.first_seen_date,
    seen.last_seen_date,
    buying.first_order_date,
    buying.last_order_date
from {{ ref('int_run__timeline') }} as timeline
inner join seen on seen.customer_id = timeline.customer_id
inner join numbers on numbers.customer_id = timeline.customer_id
inner join {{ ref('int_run__profiles') }} as profiles on profiles.customer_id = timeline.customer_id
left join buying on buying.customer_id = timeline.customer_id
left join noise on noise.customer_id = timeline.customer_id
where timeline.is_newest
