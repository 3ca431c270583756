{{ config(materialized='table') }}

-- The newest version of every register entry of a touched customer.
with versions as (

    {{ latest_version(ref('stg_miniprogram__members'), "buyer_source, buyer_id", '_row_no desc') }}

)

select
    versions.*,
    identifiers.customer_id
from versions
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ buyer_key('versions.buyer_source', 'versions.buyer_id') }}
