{{ config(materialized='table') }}

-- Only the newest version of a record joins: a corrected phone or buyer withdraws the old edge. Versions that a later
-- load of this run supersedes are kept for the history of identities (int_run__edge_spans).
-- Texts become 128-bit digests here, once; versions are compared as numbers (a load has far fewer than 2^40 rows).
with versions as {{ materialized_here() }} (

    select
        {{ digest('record_uid') }} as record_uid,
        {{ digest('identifier_key') }} as identifier_uid,
        {{ load_number('_load_id') }} as load_no,
        min(source_rank) as source_rank,
        max({{ wide_number(load_number('_load_id')) }} * 1099511627776 + _row_no) as version_no
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}
    group by 1, 2, 3

),

newest as (

    select
        record_uid,
        max(load_no) as load_no,
        max(version_no) as version_no
    from versions
    group by record_uid

),

older as (

    select
        versions.*,
        newest.load_no as newest_load_no
    from versions
    inner join newest on newest.record_uid = versions.record_uid and newest.load_no > versions.load_no

),

older_loads as (

    select
        record_uid,
        load_no,
        max(version_no) as version_no,
        lead(load_no) over (partition by record_uid order by load_no) as next_load_no
    from older
    group by record_uid, load_no

)

-- Numbers only: as texts, source and load would take longer to write than all the rest.
select
    versions.source_rank,
    versions.record_uid,
    versions.identifier_uid,
    versions.load_no,
    cast(null as bigint) as superseded_load_no
from versions
inner join newest on newest.record_uid = versions.record_uid and newest.version_no = versions.version_no
union all
select
    older.source_rank,
    older.record_uid,
    older.identifier_uid,
    older.load_no,
    coalesce(older_loads.next_load_no, older.newest_load_no)
from older
inner join older_loads on older_loads.record_uid = older.record_uid and older_loads.version_no = older.version_no
