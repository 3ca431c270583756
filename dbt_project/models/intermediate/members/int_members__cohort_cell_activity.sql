{{ config(materialized='table') }}

-- A customer has one row per period, so that rows can be counted and no customer has to be told from another.
select
    cell_uid,
    period_unit,
    period_index,
    cast(count(*) as bigint) as customer_count,
    {{ sum_fen('order_count') }} as order_count,
    {{ sum_fen('gross_fen') }} as gross_fen,
    {{ sum_fen('net_fen') }} as net_fen
from {{ ref('int_members__cohort_activity') }}
group by cell_uid, period_unit, period_index
