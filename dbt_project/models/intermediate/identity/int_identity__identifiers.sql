{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_all_if_rebuild() }}"
) }}

-- identifier_no follows the order of loading, so it never changes once given: a later load only adds larger ones.
-- Inside a load the digest decides, which sorts twice as fast as the text and is as fixed.
with seen as (

    select
        identifier_key,
        min({{ load_number('_load_id') }}) as first_load_no
    from {{ ref('int_identity__record_identifiers') }}
    where {{ is_new_load('_load_id') }}
    group by identifier_key

),

digested as {{ materialized_here() if is_incremental() }} (

    select
        {{ digest('identifier_key') }} as identifier_uid,
        identifier_key,
        first_load_no
    from seen

)
{%- if is_incremental() %},

-- The few new ones are what the many known ones are compared with, not the other way round.
known as (

    select identifier_uid from {{ this }} where identifier_uid in (select identifier_uid from digested)

)
{%- endif %}

select
    digested.identifier_uid,
    digested.identifier_key,
    {{ dbt.split_part('digested.identifier_key', "':'", 1) }} as identifier_type,
    {{ blocked_reason('digested.identifier_key') }} as blocked_reason,
    digested.first_load_no,
    row_number() over (order by digested.first_load_no, digested.identifier_uid)
    {%- if is_incremental() %}
    + (select coalesce(max(identifier_no), 0) from {{ this }})
    {%- endif %} as identifier_no
from digested
{% if is_incremental() -%}
where digested.identifier_uid not in (select identifier_uid from known)
{%- endif %}
