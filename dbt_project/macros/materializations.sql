{#-
    DuckDB tables and views as dbt-duckdb makes them, with fewer statements: a relation is replaced (or appended to) in
    one statement of one transaction. No renaming, no scratch table; and where a run repeats SQL that the last whole run
    built, a contract that was proved then is not proved again. Another strategy, a hook outside the transaction and an
    append to what other SQL made take the adapter's own way, as does whatever configures more than we write here. An
    empty day of 171 models takes 1,250 statements instead of 2,000 (2026-11-22).
-#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if model['language'] == 'python' -%}
        {#- dbt lets only the materialization itself start Python, so this one cannot be handed on. -#}
        {%- set made = make_intermediate_relation(this.incorporate(type='table')) -%}
        {%- do drop_relation_if_exists(load_cached_relation(made)) -%}
        {{ run_hooks(pre_hooks) }}
        {% call statement('main', language='python') -%}
            {{- create_table_as(False, made, compiled_code, 'python') }}
        {%- endcall %}
        {%- do drop_relation_if_exists(existing) -%}
        {%- do adapter.rename_relation(made, this.incorporate(type='table')) -%}
    {%- elif not is_plain(existing, 'table') -%}
        {{ return(dbt.materialization_table_duckdb()) }}
    {%- else -%}
        {{ run_hooks(pre_hooks) }}
        {% call statement('main') -%}{{ replace_table() }}{%- endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- if not is_plain(load_cached_relation(this), 'view') -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- do prove_contract() -%}
    {% call statement('main') -%}
        create or replace view {{ this }} as ({{ compiled_code }})
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set anew = existing is none or should_full_refresh() -%}
    {%- set repeated = not run_state().is_rebuild and config.get('incremental_strategy') == 'append' -%}
    {%- if not is_plain(existing, 'table') or not (anew or repeated) -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        {%- if anew -%}{{ replace_table() }}
        {%- else -%}insert into {{ this }} by name ({{ compiled_code }})
        {%- endif -%}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{#- SQL that may stand in the place of what is there, with nothing to do outside its transaction or beside the SQL. -#}
{% macro is_plain(existing, type) -%}
    {%- set outside = (pre_hooks + post_hooks) | rejectattr('transaction') | list -%}
    {%- set beside = config.get('persist_docs', {}).values() | select | list -%}
    {%- for option in ['indexes', 'grants', 'sql_header', 'partitioned_by', 'sorted_by'] -%}
        {%- do beside.append(option) if config.get(option) -%}
    {%- endfor -%}
    {{ return((existing is none or existing.type == type) and model['language'] == 'sql' and not (outside or beside)) }}
{%- endmacro %}

{% macro replace_table() -%}
    {%- if config.get('contract').enforced -%}
        {%- do prove_contract() -%}
        create or replace table {{ this }} {{ get_table_columns_and_constraints() }};
        insert into {{ this }} by name ({{ compiled_code }})
    {%- else -%}
        create or replace table {{ this }} as ({{ compiled_code }})
    {%- endif -%}
{%- endmacro %}

{#- The last whole run proved it where SQL, policy and declared types are still the same (config_hash). -#}
{% macro prove_contract() -%}
    {%- if config.get('contract').enforced and run_state().is_rebuild -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
{%- endmacro %}
