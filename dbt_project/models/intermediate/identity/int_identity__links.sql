{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_records_seen_anew() }}"
) }}
-- depends_on: {{ ref('int_run__links_before') }}

-- One star per record: every identifier is joined to the record's strongest one, its hub.
with known as (

    {{ few_rows(
        ref('int_identity__identifiers'),
        'identifier_uid in (select identifier_uid from ' ~ ref('int_run__record_identifiers') ~ ')'
    ) }}

),

identified as (
    select
        records.source_rank,
        records.record_uid,
        identifiers.identifier_no,
        -- Strongest type, then earliest loaded, as one number; a blocked value is nobody's hub.
        case
            when identifiers.blocked_reason is null then types.type_rank * 1125899906842624 + identifiers.identifier_no
        end as strength,
        records.load_no
    from {{ ref('int_run__record_identifiers') }} as records
    inner join known as identifiers on identifiers.identifier_uid = records.identifier_uid
    inner join {{ ref('int_identity__type_policy') }} as types on types.identifier_type = identifiers.identifier_type

),

-- A minimum and a join back take half the time of a window over the records (2026-11-22).
hubs as (

    select
        record_uid,
        min(strength) as strength
    from identified
    group by record_uid

)

select
    identified.source_rank,
    identified.record_uid,
    identified.identifier_no,
    case
        when identified.strength is null then identified.identifier_no
        else hubs.strength % 1125899906842624
    end as hub_no,
    identified.load_no
from identified
inner join hubs on hubs.record_uid = identified.record_uid
