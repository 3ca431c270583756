{#- sum() of a BIGINT is HUGEINT in DuckDB and breaks an enforced contract; every sum of fen or counts goes here. -#}
{% macro sum_fen(expression) -%}
    cast(coalesce(sum({{ expression }}), 0) as bigint)
{%- endmacro %}

{#- Text at a JSON path, NULL when absent or JSON null. `path` like '$.external_contact.name'. -#}
{% macro json_text(column, path) -%}
    {{ return(adapter.dispatch('json_text', 'siyu')(column, path)) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    get_json_object({{ column }}, '{{ path }}')
{%- endmacro %}

{% macro duckdb__json_text(column, path) -%}
    json_extract_string({{ column }}, '{{ path }}')
{%- endmacro %}

{% macro json_bigint(column, path) -%}
    cast({{ json_text(column, path) }} as bigint)
{%- endmacro %}

{#- A whole number of at least 100 bits. -#}
{% macro wide_number(expression) -%}
    {{ return(adapter.dispatch('wide_number', 'siyu')(expression)) }}
{%- endmacro %}

{% macro default__wide_number(expression) -%}
    cast({{ expression }} as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__wide_number(expression) -%}
    cast({{ expression }} as hugeint)
{%- endmacro %}

{#- After `with name as`: the engine should compute this once, though it is read more than once. -#}
{% macro materialized_here() -%}
    {{ return(adapter.dispatch('materialized_here', 'siyu')()) }}
{%- endmacro %}

{% macro default__materialized_here() -%}
    {{ return('') }}
{%- endmacro %}

{% macro duckdb__materialized_here() -%}
    {{ return('materialized') }}
{%- endmacro %}

{#- Whole part of a quotient; `/` gives a fraction in DuckDB and in Spark. -#}
{% macro integer_part(dividend, divisor) -%}
    {{ return(adapter.dispatch('integer_part', 'siyu')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__integer_part(dividend, divisor) -%}
    ({{ dividend }} div {{ divisor }})
{%- endmacro %}

{% macro duckdb__integer_part(dividend, divisor) -%}
    ({{ dividend }} // {{ divisor }})
{%- endmacro %}

{#- One row per element of a JSON array; use as a lateral join item, gives `item` (JSON text). -#}
{% macro json_items(column, path) -%}
    {{ return(adapter.dispatch('json_items', 'siyu')(column, path)) }}
{%- endmacro %}

{% macro default__json_items(column, path) -%}
    lateral explode(from_json(get_json_object({{ column }}, '{{ path }}'), 'array<string>')) as items(item)
{%- endmacro %}

{% macro duckdb__json_items(column, path) -%}
    lateral (select unnest(cast(json_extract({{ column }}, '{{ path }}') as json[])) as item) as items
{%- endmacro %}

{#- First character and stars: enough to recognise, not enough to know. -#}
{% macro mask_name(expression) -%}
    case when nullif(trim({{ expression }}), '') is null then null else substr({{ expression }}, 1, 1) || '**' end
{%- endmacro %}

{#- 138****5678: enough for its owner to recognise. NULL when it is too short to hide anything. -#}
{% macro mask_phone(expression) -%}
    case
        when length({{ expression }}) >= 11
            then substr({{ expression }}, 1, 3) || '****' || substr({{ expression }}, length({{ expression }}) - 3, 4)
    end
{%- endmacro %}

{#- A name that testers type; the name itself does not leave staging. -#}
{% macro is_test_name(expression) -%}
    coalesce(lower(trim({{ expression }})) like '%测试%' or lower(trim({{ expression }})) in ('test', 'demo'), false)
{%- endmacro %}

{#- Stable bucket 0..9999 of a text, for holdouts: the first 8 hex digits of its md5. -#}
{% macro hash_bucket(expression) -%}
    {{ return(adapter.dispatch('hash_bucket', 'siyu')(expression)) }}
{%- endmacro %}

{% macro default__hash_bucket(expression) -%}
    pmod(cast(conv(substr(md5({{ expression }}), 1, 8), 16, 10) as bigint), 10000)
{%- endmacro %}

{% macro duckdb__hash_bucket(expression) -%}
    cast(('0x' || substr(md5({{ expression }}), 1, 8)) as bigint) % 10000
{%- endmacro %}

{#- Relation with the integers from `first` to the scalar query `last_query`, column generated_number. -#}
{% macro integer_series(first, last_query) -%}
    {{ return(adapter.dispatch('integer_series', 'siyu')(first, last_query)) }}
{%- endmacro %}

{% macro default__integer_series(first, last_query) -%}
    select explode(sequence({{ first }}, coalesce(({{ last_query }}), {{ first }}))) as generated_number
{%- endmacro %}

{% macro duckdb__integer_series(first, last_query) -%}
    select unnest(range({{ first }}, coalesce(({{ last_query }}), {{ first }}) + 1)) as generated_number
{%- endmacro %}

{#- Aggregate: the value on the smallest of an ordering that is unique within the group. -#}
{% macro first_by(value, ordering) -%}
    {{ return(adapter.dispatch('first_by', 'siyu')(value, ordering)) }}
{%- endmacro %}

{% macro default__first_by(value, ordering) -%}
    min_by({{ value }}, {{ ordering }})
{%- endmacro %}

{#- A day of a policy as text; `where` names its place in an error. -#}
{% macro business_day(value, where) %}
    {% if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', value | string) %}
        {% do rule_error(where, 'a business day like 2026-11-20', value | string) %}
    {% endif %}
    {{ return(value | string) }}
{% endmacro %}
