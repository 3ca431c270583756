-- What was typed into the form stays in the lake; here are only the hashes of its phones.
with records as (

    {{ new_records('video_account', 'leads') }}

)

select
    -- ids
    record_key as lead_id,
    {{ json_text('payload', '$.leads_component_id') }} as form_id,
    {{ json_text('payload', '$.request_id') }} as request_id,

    -- strings
    phone_hmacs,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.live_start_time')) }} as live_started_at,
    {{ unix_seconds_to_utc(json_text('payload', '$.time')) }} as submitted_at,

    -- metadata
    _load_id
from records
