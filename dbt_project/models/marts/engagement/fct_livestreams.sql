{{ config(meta={'published_as': 'livestreams'}) }}

-- A livestream is read on the days 0, 1, 3, 7 and 15 after it: versions, and what was loaded last counts.
with lives as (

    {{ latest_version(ref('stg_video_account__lives'), 'live_id', 'live_id asc') }}

),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

attributed as (

    select
        orders.live_id,
        cast(count(*) as bigint) as attributed_order_count,
        {{ sum_fen('case when noise.customer_id is null then 1 else 0 end') }} as attributed_order_count_clean,
        {{ sum_fen('orders.net_fen') }} as attributed_net_fen,
        {{ sum_fen('case when noise.customer_id is null then orders.net_fen else 0 end') }}
            as attributed_net_fen_clean
    from {{ ref('fct_orders') }} as orders
    left join noise on noise.customer_id = orders.customer_id
    where orders.is_valid and orders.live_id is not null
    group by orders.live_id

)

select
    -- ids
    lives.live_id,

    -- numerics
    lives.duration_seconds,
    lives.impression_uv,
    lives.watch_uv,
    lives.comment_uv,
    lives.new_follow_uv,
    lives.product_click_uv,
    lives.pay_uv,
    lives.gmv_fen,
    lives.refund_fen,
    coalesce(attributed.attributed_order_count, 0) as attributed_order_count,
    coalesce(attributed.attributed_order_count_clean, 0) as attributed_order_count_clean,
    coalesce(attributed.attributed_net_fen, 0) as attributed_net_fen,
    coalesce(attributed.attributed_net_fen_clean, 0) as attributed_net_fen_clean,

    -- dates
    {{ business_date('lives.started_at') }} as started_date,

    -- timestamps
    lives.started_at
from lives
left join attributed on attributed.live_id = lives.live_id
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('lives.started_at') }} <= clock.as_of
