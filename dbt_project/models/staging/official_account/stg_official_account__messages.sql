with records as (

    {{ new_records('official_account', 'events') }}

)

select
    -- ids
    record_key as message_id,
    {{ json_text('payload', '$.message.FromUserName') }} as openid,

    -- strings
    {{ question_codes(json_text('payload', '$.message.Content')) }} as question_codes,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.message.CreateTime')) }} as sent_at,

    -- metadata
    _load_id
from records
where
    {{ json_text('payload', '$.message.MsgType') }} = 'text'
    and nullif(trim({{ json_text('payload', '$.message.Content') }}), '') is not null
