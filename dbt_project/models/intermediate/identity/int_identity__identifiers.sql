{{ config(materialized='table') }}

-- identifier_no follows the order of loading, so it never changes once given: a later load only adds larger ones.
with seen as (

    select
        identifier_key,
        min(_load_id) as first_load_id
    from {{ ref('int_identity__record_identifiers') }}
    group by identifier_key

),

-- How many people-like identifiers a value sits beside.
companions as (

    select
        shared.identifier_key,
        count(distinct other.identifier_key) as companion_count
    from {{ ref('int_identity__current') }} as shared
    inner join {{ ref('int_identity__current') }} as other
        on other.record_uid = shared.record_uid and other.identifier_key <> shared.identifier_key
    where {% for type in var('identity_limits') -%}
        {{ "or " if not loop.first }}shared.identifier_key like '{{ type }}:%'
    {%- endfor %}
    group by shared.identifier_key

)

select
    seen.identifier_key,
    {{ dbt.split_part('seen.identifier_key', "':'", 1) }} as identifier_type,
    seen.first_load_id,
    row_number() over (order by seen.first_load_id, seen.identifier_key) as identifier_no,
    case
        {%- for blocked in var('identity_blocked_values') %}
        when seen.identifier_key = {{ sql_value(blocked.identifier_key, 'text', 'vars.identity_blocked_values') }}
            then {{ sql_value(blocked.reason, 'text', 'vars.identity_blocked_values') }}
        {%- endfor %}
        {%- for type, limit in var('identity_limits').items() %}
        when seen.identifier_key like '{{ type }}:%' and companions.companion_count > {{ limit }}
            then 'sits beside more than {{ limit }} other identifiers'
        {%- endfor %}
        else cast(null as varchar)
    end as blocked_reason
from seen
left join companions on companions.identifier_key = seen.identifier_key
