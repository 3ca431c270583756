{#- The body of int_run__daily over a relation of events. -#}
{% macro daily_of_events(events) %}
{%- set carried = used_of_kind('carried') %}
{%- set measures = measures_in_use() %}
with days as (

    select
        customer_id,
        event_date,
        {{ day_number('event_date') }} as event_day,
        min(channel_code) as first_channel_code,
        max(is_own) as is_own,
        max(is_seen) as is_seen
        {%- for measure in measures if measure not in computed_measures() %},
        {{ sum_fen(measure) }} as {{ measure }}
        {%- endfor %}
        {%- for name in carried %},
        max({{ name }}_key) as {{ name }}_key
        {%- endfor %}
    from {{ events }}
    group by customer_id, event_date

)

select
    days.*,
    min(case when is_seen = 1 then event_day end) over (partition by customer_id) as first_seen_day
    {%- for measure, sql in computed_measures().items() if measure in measures %},
    cast({{ sql }} as bigint) as {{ measure }}
    {%- endfor %}
from days
{% endmacro %}

{#- Measures of a whole day rather than of an event -> SQL over the days. -#}
{% macro computed_measures() %}
    {{ return({
        'order_day_count': 'case when order_count > 0 then 1 else 0 end',
        'active_day_count': 'is_own',
        'first_order_count': 'case when order_count > 0 and event_day = min(case when order_count > 0 then event_day end)'
            ~ ' over (partition by customer_id) then 1 else 0 end',
    }) }}
{% endmacro %}

{#- The body of int_run__sums: every measure summed up once, over the days with events. -#}
{% macro sums_of_days(daily) %}
{%- set plan = timeline_plan(used_features(tag_definitions(), segment_definitions())) %}
select
    customer_id,
    event_day
    {%- for measure in plan.measures %},
    cast(sum({{ measure }}) over (partition by customer_id order by event_day rows unbounded preceding) as bigint) as {{ measure }}
    {%- endfor %}
    {%- for name in plan.carried %},
    {{ carried_text('max(' ~ name ~ '_key) over (partition by customer_id order by event_day rows unbounded preceding)') }} as {{ name }}
    {%- endfor %}
from {{ daily }}
{% endmacro %}

{#-
    The body of int_run__days. `traits` has the attributes, one row per customer; `last_day` is the SQL of the last day to
    look at. A window's days are made only by events that something counted in that window.
-#}
{% macro change_days(daily, traits, last_day) %}
{%- set plan = timeline_plan(used_features(tag_definitions(), segment_definitions())) %}
with change_points as (

    select
        daily.customer_id,
        daily.event_day as change_day,
        daily.event_day,
        daily.first_seen_day
    from {{ daily }} as daily
    where
        daily.event_day = daily.first_seen_day
        {%- for measure in plan.measures %}
        or daily.{{ measure }} <> 0
        {%- endfor %}
        {%- for name in plan.carried %}
        or daily.{{ name }}_key is not null
        {%- endfor %}
    {%- for days, measures in plan.windows.items() %}
    union all
    select
        daily.customer_id,
        daily.event_day + {{ days }},
        cast(null as bigint),
        daily.first_seen_day
    from {{ daily }} as daily
    where daily.{{ measures | join(' <> 0 or daily.') }} <> 0
    {%- endfor %}
    {%- for day in version_days() %}
    union all
    select distinct
        daily.customer_id,
        cast({{ day }} as bigint),
        cast(null as bigint),
        daily.first_seen_day
    from {{ daily }} as daily
    where daily.first_seen_day <= {{ day }}
    {%- endfor %}
    {%- if plan.calendar %}
    union all
    select
        birthdays.customer_id,
        birthdays.change_day,
        cast(null as bigint),
        birthdays.first_seen_day
    from ({{ birthday_month_days(daily, traits, last_day) }}) as birthdays
    {%- endif %}

),

days as (

    select
        customer_id,
        change_day,
        max(event_day) as event_day,
        min(first_seen_day) as first_seen_day
    from change_points
    where change_day <= {{ last_day }}
    group by customer_id, change_day

)

-- The last day with an event by this day, and before each window.
select
    customer_id,
    change_day,
    first_seen_day,
    max(event_day) over (partition by customer_id order by change_day rows unbounded preceding) as summed_day
    {%- for days in plan.windows %},
    max(event_day) over (
        partition by customer_id order by change_day range between unbounded preceding and {{ days }} preceding
    ) as before_{{ days }}_day
    {%- endfor %},
    row_number() over (partition by customer_id order by change_day desc) = 1 as is_newest
from days
{% endmacro %}

{#-
    The body of int_run__timeline. A day's total is the sum by its last day with an event, and a window's sum is that less
    the sum by the last day before the window: so a measure more costs a subtraction, and only a window more costs a pass.
-#}
{% macro timeline_of_days(sums, days, traits) %}
{%- set plan = timeline_plan(used_features(tag_definitions(), segment_definitions())) %}
with counted as (

    select
        placed.customer_id,
        placed.change_day,
        placed.is_newest,
        placed.change_day = placed.first_seen_day as is_first
        {%- for column, sum in plan.sums.items() %},
        summed.{{ sum.measure }}{{ ' - coalesce(before_' ~ sum.window ~ '.' ~ sum.measure ~ ', 0)' if sum.window }} as {{ column }}
        {%- endfor %}
        {%- for name in plan.carried %},
        summed.{{ name }}
        {%- endfor %}
    from {{ days }} as placed
    inner join {{ sums }} as summed on summed.customer_id = placed.customer_id and summed.event_day = placed.summed_day
    {%- for window in plan.windows %}
    left join {{ sums }} as before_{{ window }}
        on before_{{ window }}.customer_id = placed.customer_id and before_{{ window }}.event_day = placed.before_{{ window }}_day
    {%- endfor %}
    where placed.change_day >= placed.first_seen_day

)

select
    counted.customer_id,
    counted.change_day
    {%- for attribute in feature_definitions().attributes %},
    traits.{{ attribute.name }}
    {%- endfor %}
    {%- for column in plan.sums %},
    counted.{{ column }}
    {%- endfor %}
    {%- for column, ratio in plan.ratios.items() %},
    {{ integer_part('counted.' ~ ratio.of ~ (' * ' ~ ratio.scale if ratio.scale != 1 else ''), 'nullif(counted.' ~ ratio.per ~ ', 0)') }} as {{ column }}
    {%- endfor %}
    {%- for name in plan.carried %},
    counted.{{ name }}
    {%- endfor %}
    {%- if plan.calendar %},
    case
        when traits.birth_month is null then null
        when traits.birth_month = extract(month from {{ date_of_day_number('counted.change_day') }}) then 1
        else 0
    end as is_birthday_month
    {%- endif %},
    counted.is_newest,
    counted.is_first
from counted
left join {{ traits }} as traits on traits.customer_id = counted.customer_id
{% endmacro %}

{#- First days of the birthday months, and of the months after them, from her first day on. -#}
{% macro birthday_month_days(daily, traits, last_day) %}
    select
        starts.customer_id,
        {{ day_number('starts.month_start') }} as change_day,
        starts.first_seen_day
    from (
        select
            first_days.customer_id,
            first_days.first_seen_day,
            months.month_start
        from (
            select distinct
                daily.customer_id,
                daily.first_seen_day,
                traits.birth_month
            from {{ daily }} as daily
            inner join {{ traits }} as traits on traits.customer_id = daily.customer_id
            where traits.birth_month is not null
        ) as first_days
        inner join ({{ month_starts('(select min(event_day) from ' ~ daily ~ ')', last_day) }}) as months
            on extract(month from months.month_start) in (first_days.birth_month, first_days.birth_month % 12 + 1)
    ) as starts
    where {{ day_number('starts.month_start') }} > starts.first_seen_day
{% endmacro %}

{#- First days of the months between two days (since 1970-01-01), column month_start. -#}
{% macro month_starts(first_day, last_day) %}
    select distinct cast({{ dbt.date_trunc('month', date_of_day_number('generated_number')) }} as date) as month_start
    from ({{ integer_series(first_day, last_day) }}) as days_between
{% endmacro %}

{#- Months of birth whose birthday month began or ended since the previous run, when some rule asks about it. -#}
{% macro birthday_months_begun() %}
    {% set found = [] %}
    {% set state = run_state() %}
    {% if state.previous_as_of and used_of_kind('calendar') %}
        {% set before = state.previous_as_of.year * 12 + state.previous_as_of.month %}
        {% set now = state.as_of[:4] | int * 12 + state.as_of[5:7] | int %}
        {% for month in range(before, now + 1) if now > before and (month - 1) % 12 + 1 not in found %}
            {% do found.append((month - 1) % 12 + 1) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
