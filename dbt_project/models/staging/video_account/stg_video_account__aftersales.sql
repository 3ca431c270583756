with records as (

    {{ new_records('video_account', 'aftersales') }}

)

select
    -- ids
    record_key as aftersale_id,
    {{ json_text('payload', '$.order_id') }} as order_id,
    {{ json_text('payload', '$.openid') }} as openid,
    {{ json_text('payload', '$.unionid') }} as unionid,
    {{ json_text('payload', '$.product_info.sku_id') }} as sku_id,

    -- codes
    {{ json_text('payload', '$.status') }} as status_code,
    {{ json_text('payload', '$.type') }} as type_code,

    -- strings
    {{ question_codes(json_text('payload', '$.details.desc')) }} as question_codes,

    -- numerics
    {{ json_bigint('payload', '$.refund_info.amount') }} as refund_fen,
    {{ json_bigint('payload', '$.product_info.count') }} as sku_count,

    -- booleans
    is_deleted,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }} as created_at,
    coalesce(
        {{ unix_seconds_to_utc(json_text('payload', '$.complete_time')) }},
        {{ unix_seconds_to_utc(json_text('payload', '$.update_time')) }},
        {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }}
    ) as completed_at,

    -- metadata
    _load_id
from records
