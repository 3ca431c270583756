with records as (

    {{ new_records('wecom', 'contacts') }}

)

select
    -- ids
    record_key,
    {{ dbt.split_part('record_key', "'|'", 1) }} as userid,
    {{ dbt.split_part('record_key', "'|'", 2) }} as external_userid,
    {{ json_text('payload', '$.external_contact.unionid') }} as unionid,

    -- strings
    {{ mask_name(json_text('payload', '$.external_contact.name')) }} as name_masked,
    {{ json_text('payload', '$.follow_info.state') }} as entrance_code,
    {{ json_text('payload', '$.follow_info.wechat_channels.nickname') }} as video_account_name,
    phone_hmacs,
    {{ json_text('payload', '$.follow_info.tag_id') }} as tag_ids,

    -- codes
    {{ json_bigint('payload', '$.external_contact.type') }} as contact_type_code,
    {{ json_bigint('payload', '$.external_contact.gender') }} as gender_code,
    {{ json_bigint('payload', '$.follow_info.add_way') }} as add_way_code,
    {{ json_bigint('payload', '$.follow_info.wechat_channels.source') }} as video_account_source_code,

    -- booleans
    is_deleted,
    {{ is_test_name(json_text('payload', '$.external_contact.name')) }} as has_test_name,

    -- timestamps
    {{ unix_seconds_to_utc(json_text('payload', '$.follow_info.createtime')) }} as added_at,

    -- metadata
    _load_id
from records
