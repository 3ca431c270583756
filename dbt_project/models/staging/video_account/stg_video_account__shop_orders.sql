with records as (

    {{ new_records('video_account', 'shop_orders') }}

)

select
    -- ids
    record_key as order_id,
    {{ json_text('payload', '$.openid') }} as openid,
    {{ json_text('payload', '$.unionid') }} as unionid,
    {{ json_text('payload', '$.present_giver_openid') }} as giver_openid,
    {{ json_text('payload', '$.present_giver_unionid') }} as giver_unionid,
    {{ json_text('payload', '$.order_detail.ext_info.live_id') }} as live_id,

    -- strings
    {{ question_codes(json_text('payload', '$.order_detail.ext_info.customer_notes')) }} as question_codes,

    -- codes
    {{ json_bigint('payload', '$.status') }} as status_code,
    {{ json_bigint('payload', '$.order_detail.ext_info.order_scene') }} as order_scene_code,

    -- numerics
    {{ json_bigint('payload', '$.order_detail.price_info.order_price') }} as amount_fen,
    coalesce({{ json_bigint('payload', '$.order_detail.price_info.deduction_price') }}, 0) as deduction_fen,

    -- booleans
    coalesce({{ json_text('payload', '$.is_present') }} = 'true', false) as is_gift,
    is_deleted,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }} as created_at,
    {{ unix_seconds_to_utc(json_text('payload', '$.order_detail.pay_info.pay_time')) }} as paid_at,

    -- metadata
    _load_id
from records
