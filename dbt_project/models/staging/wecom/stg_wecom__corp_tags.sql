with records as (

    {{ new_records('wecom', 'corp_tags') }}

)

select
    -- ids
    record_key as tag_id,
    {{ json_text('payload', '$.group_id') }} as tag_group_id,

    -- strings
    {{ json_text('payload', '$.group_name') }} as tag_group_name,
    {{ json_text('payload', '$.name') }} as tag_name,

    -- booleans
    is_deleted,

    -- metadata
    _load_id
from records
