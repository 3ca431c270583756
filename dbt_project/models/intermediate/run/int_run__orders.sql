{{ config(materialized='table') }}

-- The newest version of every order that belongs to a touched customer, up to as_of.
with candidates as (

    select distinct orders.order_key
    from {{ ref('int_orders__unioned') }} as orders
    inner join {{ ref('int_run__identifiers') }} as identifiers on identifiers.identifier_key = orders.buyer_key

),

versions as (

    select orders.*
    from {{ ref('int_orders__unioned') }} as orders
    inner join candidates on candidates.order_key = orders.order_key

),

newest as (

    {{ latest_version('versions', 'order_key', '_row_no desc') }}

)

select
    newest.*,
    identifiers.customer_id
from newest
inner join {{ ref('int_run__identifiers') }} as identifiers on identifiers.identifier_key = newest.buyer_key
cross join {{ ref('int_run__clock') }} as clock
where newest.ordered_date <= clock.as_of
