{{ config(materialized='table') }}

-- One star per record: every identifier is joined to the record's first one.
with members as (

    select
        current_records.record_uid,
        identifiers.identifier_no,
        min(identifiers.identifier_no) over (partition by current_records.record_uid) as hub_no
    from {{ ref('int_identity__current') }} as current_records
    inner join {{ ref('int_identity__identifiers') }} as identifiers
        on identifiers.identifier_key = current_records.identifier_key
    where identifiers.blocked_reason is null

)

select distinct
    hub_no,
    identifier_no
from members
where hub_no <> identifier_no
