select
    -- ids
    account_id,
    contact_id,
    phone_hmac,

    -- strings
    {{ mask_name("coalesce(nullif(trim(nickname), ''), remark)") }} as name_masked,
    {{ mask_phone('phone') }} as phone_masked,
    tags as tags_text,
    source,

    -- numerics
    file_row_number as _row_no,

    -- timestamps
    added_at,

    -- metadata
    load_id as _load_id
from {{ source('personal_wechat', 'contacts') }}
where {{ is_new_load() }}
