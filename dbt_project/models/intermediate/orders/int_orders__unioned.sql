with from_files as (

    {% for channel in file_channels() -%}
    select
        {{ file_order_key(channel.code, 'order_id', 'buyer_source') }} as order_key,
        '{{ channel.code }}' as channel_code,
        buyer_source as order_source,
        order_id,
        coalesce(
            {{ buyer_key('buyer_source', 'buyer_id') }},
            'order:' || {{ file_order_key(channel.code, 'order_id', 'buyer_source') }}
        ) as buyer_key,
        cast(null as varchar) as live_id,
        status,
        amount_fen,
        refunded_fen,
        cast(0 as bigint) as deduction_fen,
        item_count,
        status in ('paid', 'completed', 'refunded') as is_valid,
        false as is_gift,
        paid_at as ordered_at,
        _load_id,
        _row_no
    from {{ ref('stg_' ~ channel.code ~ '__orders') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A gift is the payer's order; the receiver is a different person.
shop as (

    select
        {{ shop_order_key('order_id') }} as order_key,
        'video_account' as channel_code,
        'shop' as order_source,
        order_id,
        coalesce(
            {{ shop_openid_key('case when is_gift then coalesce(giver_openid, openid) else openid end') }},
            'order:' || {{ shop_order_key('order_id') }}
        ) as buyer_key,
        live_id,
        case
            when paid_at is null and status_code = 250 then 'cancelled'
            when paid_at is null then 'unpaid'
            when status_code = 200 then 'refunded'
            when status_code = 100 then 'completed'
            when status_code in (12, 13, 17, 20, 21, 30) then 'paid'
            when status_code = 250 then 'cancelled'
            else 'other_' || cast(status_code as varchar)
        end as status,
        amount_fen,
        cast(0 as bigint) as refunded_fen,
        deduction_fen,
        cast(null as bigint) as item_count,
        -- Paid is what has a pay time: an unknown status code must not hide revenue.
        paid_at is not null and coalesce(status_code, 0) <> 250 as is_valid,
        is_gift,
        coalesce(paid_at, created_at) as ordered_at,
        _load_id,
        0 as _row_no
    from {{ ref('stg_video_account__shop_orders') }}
    where not is_deleted

)

select
    *,
    {{ business_date('ordered_at') }} as ordered_date
from from_files
union all
select
    *,
    {{ business_date('ordered_at') }} as ordered_date
from shop
