{#- vars.repurchase_days, checked. -#}
{% macro repurchase_days() %}
    {% for days in var('repurchase_days') %}{% do whole_number(days, 1, 36500, 'vars.repurchase_days') %}{% endfor %}
    {{ return(var('repurchase_days')) }}
{% endmacro %}

{#- Customers of a condition, raw and without noise identities, as columns `name` and `name`_clean. -#}
{% macro raw_and_clean(name, condition, measure='1') -%}
    {{ sum_fen('case when ' ~ condition ~ ' then ' ~ measure ~ ' else 0 end') }} as {{ name }},
    {{ sum_fen('case when ' ~ condition ~ ' and not is_noise then ' ~ measure ~ ' else 0 end') }} as {{ name }}_clean
{%- endmacro %}

{#- vars.lifecycle_matrix as rows: bands of `recency_days` or `frequency`, lowest and highest value (null: no end). -#}
{% macro lifecycle_bands(name) -%}
    {%- set bounds = var('lifecycle_matrix').get(name, []) -%}
    {%- set where = 'vars.lifecycle_matrix.' ~ name -%}
    {%- if not bounds or bounds | sort | unique | list != bounds -%}{%- do rule_error(where, 'rising whole numbers', bounds) -%}{%- endif -%}
    {%- for bound in bounds %}{% do whole_number(bound, 0 if name == 'recency_days' else 1, 1000000, where) %}{% endfor -%}
    {%- if name == 'frequency' and bounds[0] != 1 -%}{%- do rule_error(where, '1 first', bounds[0]) -%}{%- endif -%}
    {%- set bands = [] -%}
    {%- if name == 'recency_days' -%}
        {%- for bound in bounds + [none] -%}
            {%- do bands.append([0 if loop.first else bounds[loop.index0 - 1] + 1, bound]) -%}
        {%- endfor -%}
    {%- else -%}
        {%- for bound in bounds -%}
            {%- do bands.append([bound, none if loop.last else bounds[loop.index0 + 1] - 1]) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for least, most in bands %}
    {{ 'union all' if not loop.first }}
    select
        cast({{ loop.index }} as bigint) as band,
        cast({{ loop.length }} as bigint) as band_count,
        cast({{ least }} as bigint) as least,
        cast({{ 'null' if most is none else most }} as bigint) as most
    {%- endfor %}
{%- endmacro %}
