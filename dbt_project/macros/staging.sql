{#- The rows of a records stream that this run sees for the first time, with the columns every staging model keeps. -#}
{% macro new_records(channel, stream) -%}
    select
        record_key,
        op = 'delete' as is_deleted,
        payload,
        phone_hmacs,
        load_id as _load_id
    from {{ source(channel, stream) }}
    where {{ is_new_load() }}
{%- endmacro %}

{#- The newest version of each key: later loads win, `tie_breaker` orders rows inside one load. -#}
{% macro latest_version(relation, key, tie_breaker) -%}
    select * from (
        select
            *,
            row_number() over (partition by {{ key }} order by _load_id desc, {{ tie_breaker }}) as _version_rank
        from {{ relation }}
    ) as ranked
    where _version_rank = 1
{%- endmacro %}
