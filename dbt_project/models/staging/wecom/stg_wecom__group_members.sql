with records as (

    {{ new_records('wecom', 'groups') }}

)

select
    -- ids
    records.record_key as chat_id,
    {{ json_text('items.item', '$.userid') }} as member_userid,
    {{ json_text('items.item', '$.unionid') }} as unionid,

    -- strings
    {{ json_text('items.item', '$.state') }} as entrance_code,

    -- codes
    {{ json_bigint('items.item', '$.type') }} as member_type_code,
    {{ json_bigint('items.item', '$.join_scene') }} as join_scene_code,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('items.item', '$.join_time')) }} as joined_at,

    -- metadata
    records._load_id
from records
cross join {{ json_items('records.payload', '$.member_list') }}
