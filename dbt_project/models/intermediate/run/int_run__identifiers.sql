{{ config(materialized='table') }}

-- The identifiers of this run's touched customers, as identity stands now.
select
    identities.identifier_key,
    identities.customer_id
from {{ ref('bridge_customer_identities') }} as identities
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = identities.customer_id
