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
    {% for code, sign in {'points_granted': '>', 'points_spent': '<'}.items() -%}
    union all
    select
        '{{ code }}|' || change_key,
        customer_id,
        '{{ code }}',
        channel_code,
        reason_code,
        cast(null as bigint),
        changed_date,
        changed_at
    from {{ ref('fct_points_changes') }}
    where points {{ sign }} 0
    {% endfor -%}
    union all
    select
        'member_registered|' || entries.channel_code || '|' || entries.buyer_source || '|' || entries.buyer_id,
        entries.customer_id,
        'member_registered',
        entries.channel_code,
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
    union all
    select
        'touched|' || touch_key,
        customer_id,
        'touched',
        'wecom',
        outgoing_id,
        cast(null as bigint),
        sent_date,
        sent_at
    from {{ ref('fct_touches') }}
    where is_delivered
    {% for code, event in {'like': 'moment_liked', 'comment': 'moment_commented'}.items() -%}
    union all
    select
        '{{ event }}|' || interaction_key,
        customer_id,
        '{{ event }}',
        'wecom',
        moment_id,
        cast(null as bigint),
        interacted_date,
        interacted_at
    from {{ ref('fct_moment_interactions') }}
    where interaction_code = '{{ code }}'
    {% endfor -%}
    union all
    select
        'official_followed|' || openid,
        customer_id,
        'official_followed',
        'official_account',
        entrance_code,
        cast(null as bigint),
        followed_date,
        followed_at
    from {{ ref('fct_official_followers') }}
    union all
    select
        'personal_friend_added|' || account_id || '|' || contact_id,
        customer_id,
        'personal_friend_added',
        'personal_wechat',
        account_id,
        cast(null as bigint),
        added_date,
        added_at
    from {{ ref('fct_personal_contacts') }}
    union all
    select
        'lead_submitted|' || lead_id,
        customer_id,
        'lead_submitted',
        'video_account',
        form_id,
        cast(null as bigint),
        submitted_date,
        submitted_at
    from {{ ref('fct_leads') }}

)

select events.*
from events
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = events.customer_id
-- What a customer did stands together, and the published copy need not be sorted (6 M rows, 2026-11-22).
order by events.customer_id
