with records as (

    {{ new_records('wecom', 'groups') }}

)

select
    -- ids
    record_key as chat_id,
    {{ json_text('payload', '$.owner') }} as owner_userid,

    -- strings
    {{ json_text('payload', '$.name') }} as group_name,

    -- booleans
    is_deleted,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }} as created_at,

    -- metadata
    _load_id
from records
