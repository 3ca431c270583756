{#- The rows of a records stream that this run sees for the first time, with the columns every staging model keeps. -#}
{% macro new_records(channel, stream) -%}
    select
        record_key,
        op = 'delete' as is_deleted,
        payload,
        phone_hmacs,
        load_id as _load_id
    from {{ source(channel, stream) }}
    where {{ is_new_load() }}
{%- endmacro %}

{#- The newest version of each key: later loads win, `tie_breaker` orders rows inside one load. -#}
{% macro latest_version(relation, key, tie_breaker) -%}
    select * from (
        select
            *,
            row_number() over (partition by {{ key }} order by _load_id desc, {{ tie_breaker }}) as _version_rank
        from {{ relation }}
    ) as ranked
    where _version_rank = 1
{%- endmacro %}

{#- Files of shops have one contract (common/streams.py): mini-program and store share the SQL. -#}
{% macro staged_file_orders(channel) -%}
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
from {{ source(channel, 'orders') }}
where {{ is_new_load() }}
{%- endmacro %}

{#-
    Zero-value and repeated lines are real (bonus items, an item scanned twice): they stay and count. Measures that
    want neither have the two flags (docs/decisions.md).
-#}
{% macro staged_file_order_lines(channel) -%}
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
from {{ source(channel, 'order_lines') }} as order_lines
where {{ is_new_load() }}
{%- endmacro %}

{% macro staged_file_points_changes(channel) -%}
select
    -- ids
    change_id,
    buyer_source,
    buyer_id,

    -- strings
    reason as reason_code,
    source,

    -- numerics
    points,
    file_row_number as _row_no,

    -- timestamps
    changed_at,

    -- metadata
    load_id as _load_id
from {{ source(channel, 'points_changes') }}
where {{ is_new_load() }}
{%- endmacro %}

{% macro staged_file_members(channel) -%}
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
from {{ source(channel, 'members') }}
where {{ is_new_load() }}
{%- endmacro %}
