{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'customers'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Whoever has done something by as_of. Windowed figures are those of the end of that day.
{%- set windows = customer_measures().windows %}
{%- set shown = customer_measures().measures %}

with figures as (

    select
        daily.customer_id,
        {{ first_by('daily.first_channel_code', 'case when daily.first_channel_code is not null then daily.event_day end') }} as first_channel_code,
        min(case when daily.is_seen = 1 then daily.event_date end) as first_seen_date,
        max(case when daily.is_seen = 1 then daily.event_date end) as last_seen_date,
        min(case when daily.order_count > 0 then daily.event_date end) as first_order_date,
        max(case when daily.order_count > 0 then daily.event_date end) as last_order_date
        {%- for measure in feature_definitions().measures if measure.name in shown %},
        {{ sum_fen('daily.' ~ measure.name) }} as {{ measure.name }}
        {%- for days in windows %},
        {{ sum_fen('case when daily.event_day > clock.as_of_day - ' ~ days ~ ' then daily.' ~ measure.name ~ ' end') }}
            as {{ windowed_name(measure, days) }}
        {%- endfor %}
        {%- endfor %}
    from {{ ref('int_run__daily') }} as daily
    cross join {{ ref('int_run__clock') }} as clock
    where daily.first_seen_day is not null
    group by daily.customer_id

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

)

select
    -- ids
    figures.customer_id,
    numbers.customer_no,

    -- strings
    profiles.name_masked,
    profiles.phone_masked,
    profiles.gender,
    profiles.city,
    figures.first_channel_code,

    -- numerics
    profiles.birth_month
    {%- for measure in feature_definitions().measures if measure.name in shown %},
    figures.{{ measure.name }}
    {%- for days in windows %},
    figures.{{ windowed_name(measure, days) }}
    {%- endfor %}
    {%- endfor %},

    -- booleans
    noise.customer_id is not null as is_noise,

    -- dates
    profiles.birthday,
    profiles.registered_date,
    figures.first_seen_date,
    figures.last_seen_date,
    figures.first_order_date,
    figures.last_order_date
from figures
inner join numbers on numbers.customer_id = figures.customer_id
inner join {{ ref('int_run__profiles') }} as profiles on profiles.customer_id = figures.customer_id
left join noise on noise.customer_id = figures.customer_id
