{{ config(materialized='table') }}

-- The member's side of every entry of touched customers up to as_of.
select
    entry_key,
    customer_id,
    entry_kind,
    entry_day,
    points,
    order_key,
    refund_key,
    change_key,
    reason_code,
    expiry_day
from {{ ref('int_run__points_moves') }}
union all
select
    'expire|' || expiries.customer_id || '|' || cast({{ date_of_day_number('expiries.expiry_day') }} as varchar),
    expiries.customer_id,
    'expire',
    expiries.expiry_day as entry_day,
    -expiries.points,
    cast(null as varchar),
    cast(null as varchar),
    cast(null as varchar),
    cast(null as varchar),
    expiries.expiry_day
from {{ ref('int_run__points_expiries') }} as expiries
cross join {{ ref('int_run__clock') }} as clock
where expiries.expiry_day <= clock.as_of_day
