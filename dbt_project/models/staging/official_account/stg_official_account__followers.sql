with records as (

    {{ new_records('official_account', 'followers') }}

)

select
    -- ids
    record_key as openid,
    {{ json_text('payload', '$.unionid') }} as unionid,

    -- strings
    nullif({{ json_text('payload', '$.subscribe_scene') }}, '') as scene_code,
    nullif({{ json_text('payload', '$.qr_scene_str') }}, '') as entrance_code,

    -- booleans
    is_deleted,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.subscribe_time')) }} as followed_at,

    -- metadata
    _load_id
from records
