select
    -- ids
    coupon_use_id,
    buyer_source,
    buyer_id,
    coupon_id,
    campaign_id,

    -- strings
    source,

    -- numerics
    file_row_number as _row_no,

    -- timestamps
    used_at,

    -- metadata
    load_id as _load_id
from {{ source('miniprogram', 'coupon_uses') }}
where {{ is_new_load() }}
