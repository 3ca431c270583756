{{ config(materialized='table') }}

-- Only the newest version of a record joins: a corrected phone or buyer withdraws the old edge.
with newest as (

    select
        record_uid,
        identifier_key,
        dense_rank() over (partition by record_uid order by _load_id desc, _row_no desc) as version_rank
    from {{ ref('int_identity__record_identifiers') }}

)

select distinct
    record_uid,
    identifier_key
from newest
where version_rank = 1
