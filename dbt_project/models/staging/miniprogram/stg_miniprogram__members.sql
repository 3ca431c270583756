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
    gender,
    city,
    source,

    -- numerics
    file_row_number as _row_no,

    -- dates
    birthday,

    -- timestamps
    registered_at,

    -- metadata
    load_id as _load_id
from {{ source('miniprogram', 'members') }}
where {{ is_new_load() }}
