{#-
    Two times (ADR 9). `valid_from` and `valid_to` are the business days of a value; `known_from` and `known_to` are the
    evenings from which and until which we said so. What a run with as_of A says is known from A on. Each run first takes
    back what was said from A on, so that going back in time, or running a day again, leaves no trace of itself.
-#}

{#- What was said about touched customers before this run's evening; after a rebuild about everybody. -#}
{% macro said_before(name, columns) -%}
    {%- set state = run_state() -%}
    {%- set before = load_relation(api.Relation.create(database=target.database, schema='marts', identifier=name)) if execute -%}
    {%- set kept = before if before and 'known_from' in adapter.get_columns_in_relation(before) | map(attribute='name') else none -%}
    {%- set relation = kept or (published_before(name) if execute) -%}
    {%- if relation -%}
        select
            {{ columns.keys() | join(', ') }},
            known_from,
            case when known_to < cast('{{ state.as_of }}' as date) then known_to end as known_to
        from {{ relation }}
        where
            known_from < cast('{{ state.as_of }}' as date)
            {%- if not state.is_rebuild %}
            and customer_id in (select touched.customer_id from {{ ref('int_run__touched_customers') }} as touched)
            {%- endif %}
    {%- else -%}
        select * from (
            select
            {%- for column, type in columns.items() %}
            cast(null as {{ type }}) as {{ column }},
            {%- endfor %}
            cast(null as date) as known_from,
            cast(null as date) as known_to
        ) as nothing
        where 1 = 0
    {%- endif -%}
{%- endmacro %}

{#- The last published copy, for when the warehouse was deleted: what was said can be derived from nothing else. -#}
{% macro published_before(name) -%}
    {{ return(adapter.dispatch('published_before', 'siyu')(name)) }}
{%- endmacro %}

{% macro default__published_before(name) -%}
    {{ return(none) }}
{%- endmacro %}

{% macro duckdb__published_before(name) -%}
    {%- set file = env_var('SIYU_HOME', '../var') ~ '/published/current/' ~ name ~ '.parquet' -%}
    {%- if run_query("select count(*) from glob('" ~ file ~ "')").rows[0][0] == 0 -%}{{ return(none) }}{%- endif -%}
    {%- set columns = run_query("select column_name from (describe from read_parquet('" ~ file ~ "'))").columns[0].values() -%}
    {{ return("read_parquet('" ~ file ~ "')" if 'known_from' in columns else none) }}
{%- endmacro %}

{#- Until when a row said something of its days: the last evening, or, where the run log went with the warehouse, yesterday. -#}
{% macro said_until() -%}
    coalesce({{ evening_before() }}, {{ dbt.dateadd('day', -1, this_evening()) }})
{%- endmacro %}

{#- Relation: who carried which tag on a business day (SQL of a date), as it is known now. -#}
{% macro tags_as_of(day) -%}
    {{ return(tags_as_known(day, "cast('9999-12-30' as date)")) }}
{%- endmacro %}

{#-
    Relation: who carried which tag on a business day, as it was known on an evening (SQL of a date). Of days after that
    evening nothing was said yet.
-#}
{% macro tags_as_known(day, evening) -%}
    (
        select
            customer_id,
            tag_code,
            tag_value,
            valid_from,
            case when valid_to <= {{ evening }} then valid_to end as valid_to,
            rule_version
        from {{ ref('tag_history') }}
        where
            known_from <= {{ evening }}
            and (known_to is null or known_to > {{ evening }})
            and valid_from <= {{ day }}
            and (valid_to is null or valid_to > {{ day }})
            and {{ day }} <= {{ evening }}
    )
{%- endmacro %}
