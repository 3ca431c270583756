{{ config(meta={'published_as': 'livestreams'}) }}

with lives as (

    {{ latest_version(ref('stg_video_account__lives'), 'live_id', 'live_id asc') }}

),

attributed as (

    select
        live_id,
        cast(count(*) as bigint) as attributed_order_count,
        {{ sum_fen('net_fen') }} as attributed_net_fen
    from {{ ref('fct_orders') }}
    where is_valid and live_id is not null
    group by live_id

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
    coalesce(attributed.attributed_net_fen, 0) as attributed_net_fen,

    -- dates
    {{ business_date('lives.started_at') }} as started_date,

    -- timestamps
    lives.started_at
from lives
left join attributed on attributed.live_id = lives.live_id
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('lives.started_at') }} <= clock.as_of
