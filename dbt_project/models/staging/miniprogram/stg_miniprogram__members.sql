select
    -- ids
    buyer_source,
    buyer_id,
    unionid,
    openid,
    app_id,
    phone_hmac,

    -- strings
    {{ mask_name('name') }} as name_masked,
    {{ mask_phone('phone') }} as phone_masked,
    gender,
    city,
    source,

    -- numerics
    file_row_number as _row_no,

    -- booleans
    {{ is_test_name('name') }} as has_test_name,

    -- dates
    birthday,

    -- timestamps
    registered_at,

    -- metadata
    load_id as _load_id
from {{ source('miniprogram', 'members') }}
where {{ is_new_load() }}
