{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- From the day on which she entered the cohort: what she bought earlier in the same month is not what came of it.
with since as {{ materialized_here() }} (

    select
        members.customer_id,
        members.cell_uid,
        members.cohort_date,
        days.purchase_date,
        days.order_count,
        days.gross_fen,
        days.net_fen
    from {{ ref('int_run__cohort_members') }} as members
    inner join {{ ref('int_run__purchase_days') }} as days
        on days.customer_id = members.customer_id and days.purchase_date >= members.cohort_date

)

{% for each in retention_units() -%}
{%- set periods = periods_between(each.unit, period_start(each.unit, 'cohort_date'), 'purchase_date') -%}
{{ 'union all' if not loop.first }}
select
    customer_id,
    cell_uid,
    '{{ each.unit }}' as period_unit,
    cast({{ periods }} as bigint) as period_index,
    {{ sum_fen('order_count') }} as order_count,
    {{ sum_fen('gross_fen') }} as gross_fen,
    {{ sum_fen('net_fen') }} as net_fen
from since
{%- if each.most_periods is not none %}
where {{ periods }} <= {{ each.most_periods }}
{%- endif %}
group by customer_id, cell_uid, {{ periods }}
{% endfor %}
