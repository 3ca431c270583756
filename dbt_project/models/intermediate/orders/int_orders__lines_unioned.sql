{% for channel in file_channels() -%}
select
    {{ file_order_key(channel.code, 'order_id', 'buyer_source') }} as order_key,
    sku_id,
    product_name,
    category,
    line_no,
    quantity,
    amount_fen,
    is_zero_value,
    is_repeat,
    _load_id,
    _row_no
from {{ ref('stg_' ~ channel.code ~ '__order_lines') }}
union all
{% endfor -%}
select
    {{ shop_order_key('order_id') }} as order_key,
    sku_id,
    product_name,
    cast(null as varchar) as category,
    row_number() over (
        partition by order_id, _load_id order by sku_id, product_unique_id, free_gift_code, quantity, amount_fen
    ) as line_no,
    quantity,
    amount_fen,
    amount_fen = 0 as is_zero_value,
    false as is_repeat,
    _load_id,
    0 as _row_no
from {{ ref('stg_video_account__shop_order_lines') }}
