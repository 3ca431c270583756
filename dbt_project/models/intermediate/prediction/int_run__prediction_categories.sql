{%- set scored_date = "cast('" ~ scoring_date(run_state().as_of) ~ "' as date)" -%}

select
    lines.customer_id,
    lines.category,
    cast(count(distinct lines.order_key) as bigint) as order_count,
    {{ sum_fen('lines.amount_fen') }} as paid_fen,
    cast(min({{ dbt.datediff('orders.ordered_date', scored_date, 'day') }}) as bigint) as since_last_days
from {{ ref('fct_order_lines') }} as lines
inner join {{ ref('fct_orders') }} as orders on orders.order_key = lines.order_key
inner join {{ ref('int_run__to_score') }} as to_score on to_score.customer_id = lines.customer_id
where orders.is_valid and orders.ordered_date <= {{ scored_date }} and lines.category is not null
group by lines.customer_id, lines.category
