-- Mass messages and moments alike: who made what when. One model, because every model has its price in every run.
with records as (

    select
        'mass_message' as touch_code,
        messages.*
    from ({{ new_records('wecom', 'mass_messages') }}) as messages
    union all
    select
        'moment',
        moments.*
    from ({{ new_records('wecom', 'moments') }}) as moments

)

select
    -- ids
    record_key as outgoing_id,
    nullif({{ json_text('payload', '$.creator') }}, '') as creator_userid,

    -- codes
    touch_code,
    {{ json_bigint('payload', '$.create_type') }} as create_type_code,
    {{ json_bigint('payload', '$.visible_type') }} as visible_type_code,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }} as created_at,

    -- metadata
    _load_id
from records
