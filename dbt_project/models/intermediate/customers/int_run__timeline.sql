{{ config(materialized='table') }}

-- Features of touched customers on every day on which one of them can change: a day with an event, and the day that
-- event leaves a window. Between two rows nothing changes, so the last row up to a day is the state of that day. Only
-- features that some rule asks about are computed, and only their windows make days.
{%- set used = used_features(tag_definitions(), segment_definitions()) %}
{%- set measures = [] %}
{%- set windows = [] %}
{%- for feature in used.values() if feature.measure %}
    {%- if feature.measure.name not in measures %}{% do measures.append(feature.measure.name) %}{% endif %}
    {%- if feature.window and feature.window not in windows %}{% do windows.append(feature.window) %}{% endif %}
{%- endfor %}

with change_points as (

    select
        customer_id,
        event_day as change_day,
        first_channel_code
        {%- for measure in measures %},
        {{ measure }}
        {%- endfor %}
    from {{ ref('int_run__daily') }}
    {% for days in windows | sort %}
    union all
    select
        customer_id,
        event_day + {{ days }} as change_day,
        cast(null as varchar)
        {%- for measure in measures %},
        cast(0 as bigint)
        {%- endfor %}
    from {{ ref('int_run__daily') }}
    {% endfor %}

),

days as (

    select
        change_points.customer_id,
        change_points.change_day,
        min(change_points.first_channel_code) as channel_code
        {%- for measure in measures %},
        {{ sum_fen('change_points.' ~ measure) }} as {{ measure }}
        {%- endfor %}
    from change_points
    cross join {{ ref('int_run__clock') }} as clock
    where change_points.change_day <= clock.as_of_day
    group by change_points.customer_id, change_points.change_day

),

first_channels as (

    select
        customer_id,
        channel_code
    from (
        select
            customer_id,
            channel_code,
            row_number() over (partition by customer_id order by change_day, channel_code) as seen_rank
        from days
        where channel_code is not null
    ) as ranked
    where seen_rank = 1

)

select
    days.customer_id,
    days.change_day,
    profiles.gender,
    profiles.birth_month,
    profiles.city,
    first_channels.channel_code as first_channel_code
    {%- for column, feature in used.items() if feature.measure %},
    cast(sum(days.{{ feature.measure.name }}) over (
        partition by days.customer_id order by days.change_day
        range between {{ feature.window - 1 if feature.window else 'unbounded' }} preceding and current row
    ) as bigint) as {{ column }}
    {%- endfor %},
    row_number() over (partition by days.customer_id order by days.change_day desc) = 1 as is_newest
from days
left join {{ ref('int_run__profiles') }} as profiles on profiles.customer_id = days.customer_id
left join first_channels on first_channels.customer_id = days.customer_id
