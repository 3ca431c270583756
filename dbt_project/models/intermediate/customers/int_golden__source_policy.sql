-- The golden record's policy of dbt_project.yml as rows: per attribute the sources, best first.
{% for attribute, sources in var('golden_record').items() -%}
{%- set outer = loop -%}
{% for source in sources -%}
{{ 'union all' if not (outer.first and loop.first) }}
select
    {{ sql_value(attribute, 'text', 'vars.golden_record') }} as attribute_code,
    {{ sql_value(source, 'text', 'vars.golden_record.' ~ attribute) }} as source_code,
    cast({{ loop.index }} as bigint) as source_rank
{% endfor -%}
{% endfor %}
