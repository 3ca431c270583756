{#-
    A cohort is whoever did something for the first time in the same day, week or month. Observed but empty is 0; a
    period after as_of is absent. Every split is summed from the same cells, so that its parts add up to the whole.
-#}

{#- Kind of cohort -> what it can be split by: what is known of her on that day. -#}
{% macro cohort_kinds() -%}
    {{ return({
        'first_order': ['channel', 'store', 'live', 'category', 'entrance', 'bait', 'staff'],
        'first_live_order': ['store', 'live', 'category', 'entrance', 'bait', 'staff'],
        'first_contact': ['entrance', 'bait', 'staff'],
        'first_group_join': ['entrance', 'bait', 'staff'],
    }) }}
{%- endmacro %}

{#- Split -> column of a cohort's cells. -#}
{% macro cohort_splits() -%}
    {{ return({
        'channel': 'channel_code', 'store': 'order_source', 'live': 'live_id', 'category': 'category',
        'entrance': 'entrance_code', 'bait': 'bait_code', 'staff': 'userid',
    }) }}
{%- endmacro %}

{#-
    What an entrance (渠道活码) offered on a day, by vars.entrance_baits: of the entries that had begun the newest; none when
    none had.
-#}
{% macro bait_on(entrance, day) -%}
    {%- set entries = [] -%}
    {%- for each in var('entrance_baits') -%}
        {%- set where = 'vars.entrance_baits[' ~ loop.index0 ~ ']' -%}
        {%- if each is not mapping or each | select('in', ['entrance', 'bait', 'since']) | list | length != each | length -%}
            {%- do rule_error(where, 'entrance, bait and perhaps since', each) -%}
        {%- endif -%}
        {%- set since = business_day(each.get('since', '1970-01-01'), where ~ '.since') -%}
        {%- do entries.append({
            'since': since,
            'sql': 'when ' ~ entrance ~ ' = ' ~ sql_value(each.get('entrance'), 'text', where ~ '.entrance') ~ ' and ' ~ day
                ~ " >= cast('" ~ since ~ "' as date) then " ~ sql_value(each.get('bait'), 'text', where ~ '.bait'),
        }) -%}
    {%- endfor -%}
    {%- if not entries -%}{{ return("'none'") }}{%- endif -%}
    {{ return('case ' ~ entries | sort(attribute='since', reverse=true) | map(attribute='sql') | join(' ') ~ " else 'none' end") }}
{%- endmacro %}

{#- vars.retention, checked. -#}
{% macro retention_units() %}
    {% set units = var('retention').get('units', []) %}
    {% do whole_number(var('retention').get('left_censored_days'), 0, 3650, 'vars.retention.left_censored_days') %}
    {% for each in units %}
        {% set where = 'vars.retention.units[' ~ loop.index0 ~ ']' %}
        {% if each.get('unit') not in ['day', 'week', 'month'] %}
            {% do rule_error(where ~ '.unit', 'day, week or month', each.get('unit')) %}
        {% endif %}
        {% if each.get('most_periods') is not none %}{% do whole_number(each.most_periods, 1, 10000, where ~ '.most_periods') %}{% endif %}
        {% for split in each.get('splits', []) if split not in cohort_splits() %}
            {% do rule_error(where ~ '.splits', 'some of ' ~ cohort_splits().keys() | join(', '), split) %}
        {% endfor %}
    {% endfor %}
    {{ return(units) }}
{% endmacro %}

{#- First day of the day, week (Monday) or month of a date. -#}
{% macro period_start(unit, date_expression) -%}
    cast({{ dbt.date_trunc(unit, date_expression) }} as date)
{%- endmacro %}

{#- Periods from the one that begins on `first_start` to the one that `date` lies in. -#}
{% macro periods_between(unit, first_start, date_expression) -%}
    {%- if unit == 'week' -%}
        {{ integer_part(dbt.datediff(first_start, date_expression, 'day'), 7) }}
    {%- else -%}
        {{ dbt.datediff(first_start, date_expression, unit) }}
    {%- endif -%}
{%- endmacro %}

{#- Last day of the period with an index. -#}
{% macro period_end(unit, first_start, index) -%}
    {%- if unit == 'month' -%}
        cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', '(' ~ index ~ ') + 1', first_start)) }} as date)
    {%- else -%}
        {{ date_of_day_number(day_number(first_start) ~ ' + ((' ~ index ~ ') + 1) * ' ~ (7 if unit == 'week' else 1) ~ ' - 1') }}
    {%- endif -%}
{%- endmacro %}

{#- For every unit, `all` and each split that the unit asks for: unit, split, its value, and the kinds that have it. -#}
{% macro cohort_views() %}
    {% set views = [] %}
    {% for each in retention_units() %}
        {% do views.append({'unit': each, 'split': 'all', 'value': "'all'", 'kinds': cohort_kinds().keys() | list}) %}
        {% for split in each.get('splits', []) %}
            {% set kinds = [] %}
            {% for kind, known in cohort_kinds().items() if split in known %}{% do kinds.append(kind) %}{% endfor %}
            {% do views.append({'unit': each, 'split': split, 'value': cohort_splits()[split], 'kinds': kinds}) %}
        {% endfor %}
    {% endfor %}
    {{ return(views) }}
{% endmacro %}

{% macro cohort_retention_query(clean=false) %}
with cells as (

    select *
    from {{ ref('int_members__cohort_cells') }}
    {{- ' where not is_noise' if clean }}

),

beginnings as (

    select
        cohort_kind,
        min(cohort_date) as first_date
    from {{ ref('int_members__cohort_cells') }}
    group by cohort_kind

),

sizes as (
    {% for view in cohort_views() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ view.unit.unit }}' as period_unit,
        '{{ view.split }}' as split_by,
        {{ view.value }} as split_value,
        cohort_kind,
        {{ period_start(view.unit.unit, 'cohort_date') }} as cohort_date,
        {{ sum_fen('customer_count') }} as cohort_size
    from cells
    where cohort_kind in ('{{ view.kinds | join("', '") }}')
    group by {{ "cohort_kind, " ~ (view.value ~ ", " if view.split != 'all') ~ period_start(view.unit.unit, 'cohort_date') }}
    {%- endfor %}

),

active as (
    {% for view in cohort_views() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ view.unit.unit }}' as period_unit,
        '{{ view.split }}' as split_by,
        {{ 'cells.' if view.split != 'all' }}{{ view.value }} as split_value,
        cells.cohort_kind,
        {{ period_start(view.unit.unit, 'cells.cohort_date') }} as cohort_date,
        activity.period_index,
        {{ sum_fen('activity.customer_count') }} as active_customers,
        {{ sum_fen('activity.order_count') }} as order_count,
        {{ sum_fen('activity.gross_fen') }} as gross_fen,
        {{ sum_fen('activity.net_fen') }} as net_fen
    from {{ ref('int_members__cohort_cell_activity') }} as activity
    inner join cells on cells.cell_uid = activity.cell_uid
    where activity.period_unit = '{{ view.unit.unit }}' and cells.cohort_kind in ('{{ view.kinds | join("', '") }}')
    group by
        cells.cohort_kind, {{ "cells." ~ view.value ~ ", " if view.split != 'all' }}activity.period_index,
        {{ period_start(view.unit.unit, 'cells.cohort_date') }}
    {%- endfor %}

),

-- From a cohort's own period to the one of as_of, as far as the policy follows it.
observed as (
    {% for each in retention_units() %}
    {{ 'union all' if not loop.first }}
    select
        sizes.*,
        cast(numbers.generated_number as bigint) as period_index,
        {{ period_end(each.unit, 'sizes.cohort_date', 'numbers.generated_number') }} as period_end_date
    from sizes
    cross join {{ ref('int_run__clock') }} as clock
    inner join ({{ integer_series(
        0, 'select max(' ~ periods_between(each.unit, period_start(each.unit, 'cells.cohort_date'), 'clock.as_of')
        ~ ') from cells cross join ' ~ ref('int_run__clock') ~ ' as clock'
    ) }}) as numbers
        on numbers.generated_number <= {{ periods_between(each.unit, 'sizes.cohort_date', 'clock.as_of') }}
    where
        sizes.period_unit = '{{ each.unit }}'
        {%- if each.most_periods is not none %} and numbers.generated_number <= {{ each.most_periods }}{% endif %}
    {%- endfor %}

),

filled as (

    select
        observed.*,
        coalesce(active.active_customers, 0) as active_customers,
        coalesce(active.order_count, 0) as order_count,
        coalesce(active.gross_fen, 0) as gross_fen,
        coalesce(active.net_fen, 0) as net_fen
    from observed
    left join active
        on
            active.period_unit = observed.period_unit
            and active.split_by = observed.split_by
            and active.split_value = observed.split_value
            and active.cohort_kind = observed.cohort_kind
            and active.cohort_date = observed.cohort_date
            and active.period_index = observed.period_index

),

summed as (

    select
        *,
        cast(sum(net_fen) over (
            partition by cohort_kind, period_unit, split_by, split_value, cohort_date order by period_index
            rows between unbounded preceding and current row
        ) as bigint) as cumulative_net_fen
    from filled

)

select
    summed.cohort_kind,
    summed.cohort_date,
    {{ period_start('month', 'summed.cohort_date') }} as cohort_month,
    summed.period_unit,
    summed.period_index,
    summed.split_by,
    summed.split_value,
    case when summed.cohort_kind = 'first_order' and summed.split_by in ('all', 'channel') then summed.split_value end
        as channel_code,
    summed.cohort_size,
    summed.active_customers,
    cast(summed.active_customers as double) / summed.cohort_size as active_ratio,
    summed.order_count,
    summed.gross_fen,
    summed.net_fen,
    summed.cumulative_net_fen,
    cast({{ integer_part('summed.cumulative_net_fen', 'summed.cohort_size') }} as bigint) as ltv_fen,
    summed.period_end_date <= clock.as_of as is_period_complete,
    {{ dbt.datediff('beginnings.first_date', 'summed.cohort_date', 'day') }}
    < {{ var('retention').left_censored_days }} as is_left_censored
from summed
inner join beginnings on beginnings.cohort_kind = summed.cohort_kind
cross join {{ ref('int_run__clock') }} as clock
{% endmacro %}
