with records as (

    {{ new_records('video_account', 'shop_orders') }}

),

items as (

    select
        records.record_key as order_id,
        records._load_id,
        items.item
    from records
    cross join {{ json_items('records.payload', '$.order_detail.product_infos') }}

)

select
    -- ids
    order_id,
    {{ json_text('item', '$.sku_id') }} as sku_id,
    {{ json_text('item', '$.product_unique_id') }} as product_unique_id,

    -- strings
    {{ json_text('item', '$.title') }} as product_name,

    -- numerics
    {{ json_bigint('item', '$.sku_cnt') }} as quantity,
    {{ json_bigint('item', '$.real_price') }} as amount_fen,
    coalesce({{ json_bigint('item', '$.is_free_gift') }}, 0) as free_gift_code,

    -- metadata
    _load_id
from items
