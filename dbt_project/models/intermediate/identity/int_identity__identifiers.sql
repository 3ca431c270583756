{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_all_if_rebuild() }}"
) }}

-- identifier_no follows the order of loading, so it never changes once given: a later load only adds larger ones.
with seen as (

    select
        identifier_key,
        min(_load_id) as first_load_id
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}
    group by identifier_key

)

select
    seen.identifier_key,
    {{ dbt.split_part('seen.identifier_key', "':'", 1) }} as identifier_type,
    {{ blocked_reason('seen.identifier_key') }} as blocked_reason,
    seen.first_load_id,
    row_number() over (order by seen.first_load_id, seen.identifier_key)
    {%- if is_incremental() %}
    + (select coalesce(max(identifier_no), 0) from {{ this }})
    {%- endif %} as identifier_no
from seen
{% if is_incremental() -%}
where seen.identifier_key not in (select identifier_key from {{ this }})
{%- endif %}
