{{ config(materialized='table') }}

-- Only the newest version of a record joins: a corrected phone or buyer withdraws the old edge.
-- Texts become 128-bit digests here, once; versions are compared as numbers (a load has far fewer than 2^40 rows).
with versions as {{ materialized_here() }} (

    select
        {{ digest('record_uid') }} as record_uid,
        {{ digest('identifier_key') }} as identifier_uid,
        min(source_rank) as source_rank,
        max({{ load_number('_load_id') }}) as load_no,
        max({{ wide_number(load_number('_load_id')) }} * 1099511627776 + _row_no) as version_no
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}
    group by 1, 2

),

newest as (

    select
        record_uid,
        max(version_no) as version_no
    from versions
    group by record_uid

)

-- Numbers only: as texts, source and load would take longer to write than all the rest.
select
    versions.source_rank,
    versions.record_uid,
    versions.identifier_uid,
    versions.load_no
from versions
inner join newest on newest.record_uid = versions.record_uid and newest.version_no = versions.version_no
