{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_recomputed_identities() }}", meta={'published_as': 'customer_identities'}
) }}

-- Anchors stand among the identifiers looked at again: a component is looked at whole.
with looked_at as {{ materialized_here() if not run_state().is_rebuild }} (

    {{ few_rows(
        ref('int_identity__identifiers'),
        'identifier_no in (select identifier_no from ' ~ ref('int_run__components') ~ ')'
    ) }}

),

-- An id is made once per customer, not once per identifier.
anchors as (

    select
        identifier_no,
        {{ customer_id_of('identifier_key') }} as customer_id
    from looked_at
    where identifier_no in (select anchor_no from {{ ref('int_run__components') }})

)

select
    identifiers.identifier_key,
    identifiers.identifier_type,
    anchors.customer_id,
    components.anchor_no as customer_no,
    coalesce(
        identifiers.blocked_reason,
        case
            when limited.identifier_no is not null then 'stands beside more than ' || types.most_beside || ' others'
        end
    ) as blocked_reason,
    {{ instant_of_load_number('identifiers.first_load_no') }} as first_known_at
from {{ ref('int_run__components') }} as components
inner join looked_at as identifiers
    on identifiers.identifier_no = components.identifier_no
inner join anchors on anchors.identifier_no = components.anchor_no
inner join {{ ref('int_identity__type_policy') }} as types on types.identifier_type = identifiers.identifier_type
left join {{ ref('int_identity__limited') }} as limited on limited.identifier_no = components.identifier_no
