{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_records_seen_anew() }}"
) }}
-- depends_on: {{ ref('int_run__links_before') }}

-- One star per record: every identifier is joined to the record's strongest one, its hub.
with identified as (

    select
        records.source_code,
        records.record_uid,
        identifiers.identifier_no,
        identifiers.blocked_reason,
        types.type_rank,
        records._load_id
    from {{ ref('int_run__record_identifiers') }} as records
    inner join {{ ref('int_identity__identifiers') }} as identifiers
        on identifiers.identifier_key = records.identifier_key
    inner join {{ ref('int_identity__type_policy') }} as types on types.identifier_type = identifiers.identifier_type

)

select
    source_code,
    record_uid,
    identifier_no,
    case
        when blocked_reason is not null then identifier_no
        else first_value(identifier_no) over (
            partition by record_uid
            order by case when blocked_reason is null then 0 else 1 end, type_rank, identifier_no
            rows between unbounded preceding and unbounded following
        )
    end as hub_no,
    _load_id
from identified
