-- Deliveries of mass messages and of moments alike: to whom, by whom.
with records as (

    select
        'mass_message' as touch_code,
        messages.*
    from ({{ new_records('wecom', 'mass_message_sends') }}) as messages
    union all
    select
        'moment',
        moments.*
    from ({{ new_records('wecom', 'moment_sends') }}) as moments

)

select
    -- ids
    touch_code || '|' || record_key as touch_key,
    coalesce({{ json_text('payload', '$.msgid') }}, {{ json_text('payload', '$.moment_id') }}) as outgoing_id,
    {{ json_text('payload', '$.userid') }} as userid,
    nullif({{ json_text('payload', '$.external_userid') }}, '') as external_userid,

    -- codes
    touch_code,
    {{ json_bigint('payload', '$.status') }} as status_code,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.send_time')) }} as sent_at,

    -- metadata
    _load_id
from records
