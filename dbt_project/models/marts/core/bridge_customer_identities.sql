{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_recomputed_identities() }}", meta={'published_as': 'customer_identities'}
) }}

select
    identifiers.identifier_key,
    identifiers.identifier_type,
    {{ customer_id_of('anchors.identifier_key') }} as customer_id,
    components.anchor_no as customer_no,
    coalesce(
        identifiers.blocked_reason,
        case
            when limited.identifier_no is not null then 'stands beside more than ' || types.most_beside || ' others'
        end
    ) as blocked_reason,
    {{ load_instant('identifiers.first_load_id') }} as first_known_at
from {{ ref('int_run__components') }} as components
inner join {{ ref('int_identity__identifiers') }} as identifiers
    on identifiers.identifier_no = components.identifier_no
inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = components.anchor_no
inner join {{ ref('int_identity__type_policy') }} as types on types.identifier_type = identifiers.identifier_type
left join {{ ref('int_identity__limited') }} as limited on limited.identifier_no = components.identifier_no
