{{ config(materialized='table') }}

-- Only the newest version of a record joins: a corrected phone or buyer withdraws the old edge.
with versions as (

    select
        source_code,
        record_uid,
        identifier_key,
        _load_id,
        dense_rank() over (partition by record_uid order by _load_id desc, _row_no desc) as version_rank
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}

)

select distinct
    source_code,
    record_uid,
    identifier_key,
    _load_id
from versions
where version_rank = 1
