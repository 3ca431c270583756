with records as (

    {{ new_records('video_account', 'lives') }}

)

select
    -- ids
    record_key as live_id,

    -- numerics
    {{ json_bigint('payload', '$.data.live_dashboard_data.live_duration') }} as duration_seconds,
    {{ json_bigint('payload', '$.data.live_dashboard_data.live_dashboard_data.summary.impression_uv') }} as impression_uv,
    {{ json_bigint('payload', '$.data.live_dashboard_data.live_dashboard_data.summary.new_watch_uv') }} as watch_uv,
    {{ json_bigint('payload', '$.data.live_dashboard_data.live_dashboard_data.summary.comment_uv') }} as comment_uv,
    {{ json_bigint('payload', '$.data.live_dashboard_data.live_dashboard_data.summary.new_follow_uv') }} as new_follow_uv,
    {{ json_bigint('payload', '$.data.live_ec_data_summary.total_clk_uv') }} as product_click_uv,
    {{ json_bigint('payload', '$.data.live_ec_data_summary.total_pay_uv') }} as pay_uv,
    {{ json_bigint('payload', '$.data.live_ec_data_summary.total_gmv') }} as gmv_fen,
    {{ json_bigint('payload', '$.data.live_ec_data_summary.refund_amount') }} as refund_fen,

    -- booleans
    is_deleted,

    -- timestamps
    coalesce(
        {{ unix_seconds_to_utc(json_text('payload', '$.data.live_dashboard_data.start_time')) }},
        {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }}
    ) as started_at,

    -- metadata
    _load_id
from records
