{{ config(materialized='table') }}

-- Only the newest version of a record joins: a corrected phone or buyer withdraws the old edge.
-- Texts become 128-bit digests here, once; versions are compared as numbers (a load has far fewer than 2^40 rows).
with versions as {{ materialized_here() }} (

    select
        {{ digest('record_uid') }} as record_uid,
        {{ digest('identifier_key') }} as identifier_uid,
        min(source_code) as source_code,
        max({{ wide_number(load_number('_load_id')) }} * 1099511627776 + _row_no) as version_no
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}
    group by 1, 2

),

newest as {{ materialized_here() }} (

    select
        record_uid,
        max(version_no) as version_no,
        cast({{ integer_part('max(version_no)', 1099511627776) }} as bigint) as load_no
    from versions
    group by record_uid

),

loads as (

    select
        load_no,
        {{ load_id_of_number('load_no') }} as _load_id
    from (select distinct load_no from newest) as load_numbers

)

select
    versions.source_code,
    versions.record_uid,
    versions.identifier_uid,
    loads._load_id
from versions
inner join newest on newest.record_uid = versions.record_uid and newest.version_no = versions.version_no
inner join loads on loads.load_no = newest.load_no
