{#- A table of the identity as the previous run left it, empty where there is nothing to build on. Ends in a WHERE. -#}
{% macro select_from_before(name, columns, condition=none) -%}
    {%- set before = load_relation(api.Relation.create(database=target.database, schema='intermediate', identifier=name)) if execute -%}
    {%- if before and not run_state().is_rebuild -%}
        select {{ columns.keys() | join(', ') }}
        from {% if condition %}({{ few_rows(before, condition) }}) as few{% else %}{{ before }}{% endif %} where 1 = 1
    {%- else -%}
        select * from (
            select
            {%- for column, type in columns.items() %}
            cast(null as {{ type }}) as {{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as nothing
        where 1 = 0
    {%- endif -%}
{%- endmacro %}

{#-
    The few rows of a large table for which a condition on one number holds. The rows are found by that column alone and
    then fetched whole: reading the other columns of all rows along takes several times as long. On a rebuild nearly all
    are wanted and all are given: use it only before a join that drops the rest.
-#}
{% macro few_rows(relation, condition) -%}
    {{ return(adapter.dispatch('few_rows', 'siyu')(relation, condition)) }}
{%- endmacro %}

{% macro default__few_rows(relation, condition) -%}
    select * from {{ relation }} where {{ condition }}
{%- endmacro %}

{% macro duckdb__few_rows(relation, condition) -%}
    {%- if run_state().is_rebuild -%}
        select * from {{ relation }}
    {%- else -%}
        select * from {{ relation }} where rowid in (select rowid from {{ relation }} where {{ condition }})
    {%- endif -%}
{%- endmacro %}

{#- Why a value never joins anybody, by the list in dbt_project.yml; null when it may. -#}
{% macro blocked_reason(identifier_key) -%}
    {%- set blocked = var('identity_blocked_values') -%}
    {%- if blocked -%}
    case
        {%- for each in blocked %}
        when {{ identifier_key }} = {{ sql_value(each.identifier_key, 'text', 'vars.identity_blocked_values') }}
            then {{ sql_value(each.reason, 'text', 'vars.identity_blocked_values') }}
        {%- endfor %}
    end
    {%- else -%}
    cast(null as varchar)
    {%- endif -%}
{%- endmacro %}

{#- Trust in a kind of record: its place in vars.identity_sources, 1 is the most trusted. -#}
{% macro identity_source_rank(source_code) -%}
    {%- set sources = var('identity_sources') -%}
    {%- if source_code not in sources %}{% do rule_error('vars.identity_sources', 'a rank for ' ~ source_code, sources) %}{% endif -%}
    cast({{ sources.index(source_code) + 1 }} as bigint)
{%- endmacro %}

{#- 128 bits that stand for a text where only equality counts: 16 bytes join and group faster than any text. -#}
{% macro digest(expression) -%}
    {{ return(adapter.dispatch('digest', 'siyu')(expression)) }}
{%- endmacro %}

{% macro default__digest(expression) -%}
    md5({{ expression }})
{%- endmacro %}

{% macro duckdb__digest(expression) -%}
    md5_number({{ expression }})
{%- endmacro %}

{% macro digest_type() -%}
    {{ return(adapter.dispatch('digest_type', 'siyu')()) }}
{%- endmacro %}

{% macro default__digest_type() -%}
    {{ return('string') }}
{%- endmacro %}

{% macro duckdb__digest_type() -%}
    {{ return('uhugeint') }}
{%- endmacro %}

{#- Siyu's own id of a customer: a digest of her earliest-loaded identifier. -#}
{% macro customer_id_of(anchor_key) -%}
    'c' || substr(md5({{ anchor_key }}), 1, 20)
{%- endmacro %}

{#- Pre-hooks of the identity's state: what this run looks at again is forgotten first. -#}
{% macro forget_records_seen_anew() %}
    {{- forget_where('record_uid in (select record_uid from ' ~ ref('int_run__record_identifiers') ~ ')') -}}
{% endmacro %}

{% macro forget_recounted_identifiers() %}
    {{- forget_where(
        'identifier_no in (select identifier_no from ' ~ ref('int_run__links_before') ~ ' union all select identifier_no from '
        ~ ref('int_identity__links') ~ ' where ' ~ is_new_load_number('load_no') ~ ')'
    ) -}}
{% endmacro %}

{% macro forget_recomputed_components() %}
    {{- forget_where('identifier_no in (select identifier_no from ' ~ ref('int_run__components') ~ ')') -}}
{% endmacro %}

{#- Components are recomputed whole, and so are their customers; numbers are found faster than keys. -#}
{% macro forget_recomputed_identities() %}
    {{- forget_where(
        'customer_no in (select anchor_no_before from ' ~ ref('int_run__components') ~ ' where anchor_no_before is not null)'
    ) -}}
{% endmacro %}
