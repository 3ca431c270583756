{{ config(materialized='table') }}

-- Everything touched customers did that a feature counts, one row per event and business day.
with events as (

    select
        orders.customer_id,
        orders.ordered_date as event_date,
        orders.channel_code,
        1 as order_count,
        orders.amount_fen as net_fen,
        case when orders.live_id is not null then 1 else 0 end as live_order_count,
        0 as refund_count,
        0 as coupon_use_count,
        0 as contact_add_count,
        0 as group_join_count
    from {{ ref('fct_orders') }} as orders
    where orders.is_valid
    union all
    select customer_id, refunded_date, cast(null as varchar), 0, -refund_fen, 0, 1, 0, 0, 0
    from {{ ref('fct_refunds') }}
    union all
    select customer_id, used_date, 'miniprogram', 0, 0, 0, 0, 1, 0, 0
    from {{ ref('fct_coupon_uses') }}
    union all
    select customer_id, added_date, 'wecom', 0, 0, 0, 0, 0, 1, 0
    from {{ ref('fct_wecom_relations') }}
    union all
    select customer_id, joined_date, 'wecom', 0, 0, 0, 0, 0, 0, 1
    from {{ ref('fct_group_memberships') }}
    union all
    -- Being seen counts in no feature, but it makes a customer: she registered, followed, became a friend, left a
    -- lead, liked a moment. What the brand sent her does not.
    {%- for seen in [
        {'date': business_date('registered_at'), 'channel': 'channel_code', 'model': ref('int_run__register_entries')},
        {'date': 'followed_date', 'channel': "'official_account'", 'model': ref('fct_official_followers')},
        {'date': 'added_date', 'channel': "'personal_wechat'", 'model': ref('fct_personal_contacts')},
        {'date': 'submitted_date', 'channel': "'video_account'", 'model': ref('fct_leads')},
        {'date': 'interacted_date', 'channel': "'wecom'", 'model': ref('fct_moment_interactions')},
    ] %}
    {{ 'union all' if not loop.first }}
    select customer_id, {{ seen.date }}, {{ seen.channel }}, 0, 0, 0, 0, 0, 0, 0
    from {{ seen.model }}
    {%- endfor %}

)

select events.*
from events
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = events.customer_id
cross join {{ ref('int_run__clock') }} as clock
where events.event_date <= clock.as_of
