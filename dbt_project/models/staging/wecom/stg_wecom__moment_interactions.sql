with records as (

    {{ new_records('wecom', 'moment_interactions') }}

)

select
    -- ids
    record_key as interaction_key,
    {{ json_text('payload', '$.moment_id') }} as moment_id,
    {{ json_text('payload', '$.userid') }} as userid,
    nullif({{ json_text('payload', '$.external_userid') }}, '') as external_userid,

    -- codes
    {{ json_text('payload', '$.kind') }} as interaction_code,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.create_time')) }} as interacted_at,

    -- metadata
    _load_id
from records
