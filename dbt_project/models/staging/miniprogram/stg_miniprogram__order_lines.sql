-- Zero-value and repeated lines are real (bonus items, an item scanned twice): they stay and count. Measures that
-- want neither have the two flags (docs/decisions.md).
select
    -- ids
    order_lines.buyer_source,
    order_lines.order_id,
    order_lines.sku_id,

    -- strings
    order_lines.product_name,
    order_lines.category,
    order_lines.source,

    -- numerics
    order_lines.line_no,
    order_lines.quantity,
    order_lines.amount_fen,
    order_lines.file_row_number as _row_no,

    -- booleans
    order_lines.amount_fen = 0 as is_zero_value,
    row_number() over (
        partition by order_lines.load_id, order_lines.buyer_source, order_lines.order_id, order_lines.sku_id,
            order_lines.quantity, order_lines.amount_fen
        order by order_lines.line_no, order_lines.file_row_number
    ) > 1 as is_repeat,

    -- metadata
    order_lines.load_id as _load_id
from {{ source('miniprogram', 'order_lines') }} as order_lines
where {{ is_new_load() }}
