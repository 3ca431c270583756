{{ config(materialized='table') }}

-- Successful refunds of touched customers up to as_of. A refund follows its order's customer; one whose order we do
-- not have follows the claimant, so that no money is lost.
with newest as (

    {{ latest_version(ref('int_orders__refunds_unioned'), 'refund_key', 'order_key asc') }}

),

successful as (

    select
        refund_key,
        order_key,
        sku_id,
        claimant_key,
        refund_fen,
        sku_count,
        refunded_at,
        refunded_date
    from newest
    where is_success

),

order_owners as (

    select distinct order_key from {{ ref('int_orders__unioned') }}

),

of_known_orders as (

    select
        successful.*,
        orders.customer_id
    from successful
    inner join {{ ref('int_run__orders') }} as orders on orders.order_key = successful.order_key

),

of_unknown_orders as (

    select
        successful.*,
        identifiers.customer_id
    from successful
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = successful.claimant_key
    left join order_owners on order_owners.order_key = successful.order_key
    where order_owners.order_key is null

),

-- Files may state how much of an order was refunded, without a day: it counts on the day of the order.
stated_in_files as (

    select
        'stated|' || order_key as refund_key,
        order_key,
        cast(null as varchar) as sku_id,
        buyer_key as claimant_key,
        refunded_fen as refund_fen,
        cast(null as bigint) as sku_count,
        ordered_at as refunded_at,
        ordered_date as refunded_date,
        customer_id
    from {{ ref('int_run__orders') }}
    where refunded_fen <> 0

)

select refunds.*
from (
    select * from of_known_orders
    union all
    select * from of_unknown_orders
    union all
    select * from stated_in_files
) as refunds
cross join {{ ref('int_run__clock') }} as clock
where refunds.refunded_date <= clock.as_of
