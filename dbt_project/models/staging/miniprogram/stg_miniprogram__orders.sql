select
    -- ids
    order_id,
    buyer_source,
    buyer_id,
    unionid,
    openid,
    app_id,
    phone_hmac,

    -- strings
    status,
    source,

    -- numerics
    amount_fen,
    coalesce(refunded_fen, 0) as refunded_fen,
    item_count,
    file_row_number as _row_no,

    -- timestamps
    paid_at,

    -- metadata
    load_id as _load_id
from {{ source('miniprogram', 'orders') }}
where {{ is_new_load() }}
