{%- set scored_date = "cast('" ~ scoring_date(run_state().as_of) ~ "' as date)" -%}

{#- Windows by age in days: the scoring day is 0. -#}
{%- set windows = [30, 90, 365] -%}

-- A view, read by what scores and by what trains: one SQL for both, so the two cannot drift apart. What lies after the
-- scoring day does not exist for it, so every fact is cut off there.
with orders as (

    select
        orders.customer_id,
        orders.ordered_date,
        orders.amount_fen,
        orders.channel_code,
        coalesce(orders.item_count, 0) as item_count,
        case when orders.live_id is not null then 1 else 0 end as live_count,
        {{ dbt.datediff('orders.ordered_date', scored_date, 'day') }} as days_ago,
        min(orders.ordered_date) over (partition by orders.customer_id) as first_date
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_run__to_score') }} as to_score on to_score.customer_id = orders.customer_id
    where orders.is_valid and orders.ordered_date <= {{ scored_date }}

),

buying as (

    select
        customer_id,
        cast(count(distinct ordered_date) - 1 as bigint) as repeat_count,
        cast(max(days_ago) - min(days_ago) as bigint) as recency_days,
        cast(max(days_ago) as bigint) as age_days,
        cast(min(days_ago) as bigint) as since_last_days,
        cast(count(*) as bigint) as order_count,
        {{ sum_fen('amount_fen') }} as paid_fen,
        {{ sum_fen('case when ordered_date > first_date then amount_fen else 0 end') }} as repeat_paid_fen,
        {%- for days in windows %}
        {{ sum_fen('case when days_ago < ' ~ days ~ ' then 1 else 0 end') }} as orders_{{ days }}d_count,
        {{ sum_fen('case when days_ago < ' ~ days ~ ' then amount_fen else 0 end') }} as paid_{{ days }}d_fen,
        {%- endfor %}
        {{ sum_fen('item_count') }} as item_count,
        {{ sum_fen('live_count') }} as live_order_count,
        cast(count(distinct channel_code) as bigint) as channel_count
    from orders
    group by customer_id

),

happened as (

    select
        events.customer_id,
        events.event_code,
        events.amount_fen,
        {{ dbt.datediff('events.event_date', scored_date, 'day') }} as days_ago
    from {{ ref('fct_events') }} as events
    inner join {{ ref('int_run__to_score') }} as to_score on to_score.customer_id = events.customer_id
    where events.event_date <= {{ scored_date }} and events.event_code <> 'order_placed'

),

doing as (

    select
        customer_id,
        {%- for name, codes in {
            'refund': "'refund_succeeded'", 'coupon_use': "'coupon_used'", 'contact_add': "'contact_added'",
            'group_join': "'group_joined'", 'official_follow': "'official_followed'", 'message': "'touched'",
            'moment_interaction': "'moment_liked', 'moment_commented'",
        }.items() %}
        {{ sum_fen('case when event_code in (' ~ codes ~ ') then 1 else 0 end') }} as {{ name }}_count,
        {{ sum_fen('case when event_code in (' ~ codes ~ ') and days_ago < 90 then 1 else 0 end') }}
            as {{ name }}s_90d_count,
        {%- endfor %}
        {{ sum_fen("case when event_code = 'refund_succeeded' then -amount_fen else 0 end") }} as refunded_fen
    from happened
    group by customer_id

),

relations as (

    select
        relations.customer_id,
        cast(count(*) as bigint) as active_contact_count
    from {{ ref('fct_wecom_relations') }} as relations
    inner join {{ ref('int_run__to_score') }} as to_score on to_score.customer_id = relations.customer_id
    where relations.is_active and relations.added_date <= {{ scored_date }}
    group by relations.customer_id

)

select
    {{ scored_date }} as scored_date,
    buying.*,
    {%- for name in (
        'refund', 'coupon_use', 'contact_add', 'group_join', 'official_follow', 'message', 'moment_interaction'
    ) %}
    coalesce(doing.{{ name }}_count, 0) as {{ name }}_count,
    coalesce(doing.{{ name }}s_90d_count, 0) as {{ name }}s_90d_count,
    {%- endfor %}
    coalesce(doing.refunded_fen, 0) as refunded_fen,
    coalesce(relations.active_contact_count, 0) as active_contact_count
from buying
left join doing on doing.customer_id = buying.customer_id
left join relations on relations.customer_id = buying.customer_id
