{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'events'}
) }}

-- The spine of a customer's time line: every fact of hers once, whatever it was.
with events as (

    select
        'order_placed|' || order_key as event_key,
        customer_id,
        'order_placed' as event_code,
        channel_code,
        order_key as subject_key,
        amount_fen,
        ordered_date as event_date,
        ordered_at as event_at
    from {{ ref('fct_orders') }}
    union all
    select
        'refund_succeeded|' || refunds.refund_key,
        refunds.customer_id,
        'refund_succeeded',
        orders.channel_code,
        refunds.order_key,
        -refunds.refund_fen,
        refunds.refunded_date,
        refunds.refunded_at
    from {{ ref('fct_refunds') }} as refunds
    left join {{ ref('fct_orders') }} as orders
        on orders.order_key = refunds.order_key and orders.customer_id = refunds.customer_id
    union all
    select
        'coupon_used|' || coupon_use_key,
        customer_id,
        'coupon_used',
        'miniprogram',
        coupon_id,
        cast(null as bigint),
        used_date,
        used_at
    from {{ ref('fct_coupon_uses') }}
    union all
    select
        'member_registered|' || entries.buyer_source || '|' || entries.buyer_id,
        entries.customer_id,
        'member_registered',
        'miniprogram',
        entries.buyer_source || '|' || entries.buyer_id,
        cast(null as bigint),
        {{ business_date('entries.registered_at') }},
        entries.registered_at
    from {{ ref('int_run__register_entries') }} as entries
    cross join {{ ref('int_run__clock') }} as clock
    where {{ business_date('entries.registered_at') }} <= clock.as_of
    union all
    select
        'contact_added|' || userid || '|' || external_userid,
        customer_id,
        'contact_added',
        'wecom',
        userid,
        cast(null as bigint),
        added_date,
        added_at
    from {{ ref('fct_wecom_relations') }}
    union all
    select
        'group_joined|' || chat_id || '|' || external_userid || '|' || cast(joined_at as varchar),
        customer_id,
        'group_joined',
        'wecom',
        chat_id,
        cast(null as bigint),
        joined_date,
        joined_at
    from {{ ref('fct_group_memberships') }}

)

select events.*
from events
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = events.customer_id
