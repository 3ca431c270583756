{#-
    Input of a dbt unit test of int_run__verdicts in the words of events: "given these events, on that day she is 沉睡".

    cases: {name of the case: {'on': [days], 'traits': {attribute: value}, 'events': [{'day': date, measure: number, carried
    text: text}, …]}}. An event says `at` (UTC) instead of `day` where the time zone matters. Gives one row per case
    and day of `on`, as the timeline has it by the end of that day; the case's name is the customer_id. An event that
    says `order_count` alone is an order of 100 yuan.
-#}
{% macro given_events(cases) %}
{%- set measures = measures_in_use() | reject('in', computed_measures()) | list %}
{%- set carried = used_of_kind('carried') %}
with events as (
    {% set ns = namespace(rows=0) %}
    {%- for name, case in cases.items() %}
    {%- for event in case.events %}
    {{ 'union all' if ns.rows }}
    {%- set ns.rows = ns.rows + 1 %}
    select
        {{ sql_value(name, 'text', 'case') }} as customer_id,
        {{ business_date("cast('" ~ event['at'] ~ "' as timestamp)") if event['at'] else "cast('" ~ event.day ~ "' as date)" }} as event_date,
        'miniprogram' as channel_code,
        {{ event.get('is_own', 1) }} as is_own,
        {{ event.get('is_seen', 1) }} as is_seen
        {%- for key in event if key not in ('at', 'day', 'is_own', 'is_seen') and key not in measures and key not in carried %}
        {% do rule_error('case ' ~ name, 'one of ' ~ (measures + carried) | join(', '), key) %}
        {%- endfor %}
        {%- for measure in measures %},
        cast({{ event.get(measure, 10000 if measure in ('gross_fen', 'net_fen') and event.get('order_count') else 0) }} as bigint) as {{ measure }}
        {%- endfor %}
        {%- for text in carried %},
        {{ carried_key(ns.rows, sql_value(event[text], 'text', name)) if text in event else 'cast(null as varchar)' }} as {{ text }}_key
        {%- endfor %}
    {%- endfor %}
    {%- endfor %}

),

traits as (
    {% for name, case in cases.items() %}
    {{ 'union all' if not loop.first }}
    select
        {{ sql_value(name, 'text', 'case') }} as customer_id
        {%- for attribute in feature_definitions().attributes %}
        {%- set value = (case.traits or {}).get(attribute.name) %},
        cast({{ 'null' if value is none else sql_value(value, attribute.type, name) }} as {{ 'bigint' if attribute.type == 'number' else 'varchar' }}) as {{ attribute.name }}
        {%- endfor %}
    {%- endfor %}
),

asked as (
    {% set ns = namespace(rows=0) %}
    {%- for name, case in cases.items() %}
    {%- for day in case['on'] %}
    {{ 'union all' if ns.rows }}
    {%- set ns.rows = ns.rows + 1 %}
    select
        {{ sql_value(name, 'text', 'case') }} as customer_id,
        {{ day_number("cast('" ~ day ~ "' as date)") }} as asked_day
    {%- endfor %}
    {%- endfor %}

),

daily as (
    {{ daily_of_events('events') }}
),

sums as (
    {{ sums_of_days('daily') }}
),

days as (
    {{ change_days('daily', 'traits', '(select max(asked_day) from asked)') }}
),

timeline as (
    {{ timeline_of_days('sums', 'days', 'traits') }}
)

select * from (
    select
        asked.asked_day as change_day,
        timeline.customer_id,
        true as is_newest,
        timeline.is_first
        {%- for column in timeline_columns() %},
        timeline.{{ column }}
        {%- endfor %},
        row_number() over (partition by asked.customer_id, asked.asked_day order by timeline.change_day desc) as newest_rank
    from asked
    inner join timeline on timeline.customer_id = asked.customer_id and timeline.change_day <= asked.asked_day
) as states
where newest_rank = 1
{% endmacro %}

{#- The features in int_run__timeline. -#}
{% macro timeline_columns() %}
    {% set plan = timeline_plan(used_features(tag_definitions(), segment_definitions())) %}
    {% set names = feature_definitions().attributes | map(attribute='name') | list %}
    {{ return(names + (plan.sums | list) + (plan.ratios | list) + plan.carried + (['is_birthday_month'] if plan.calendar else [])) }}
{% endmacro %}
