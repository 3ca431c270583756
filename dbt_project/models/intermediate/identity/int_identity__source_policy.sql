-- The policy of dbt_project.yml as rows, most trusted source first.
{% for source in var('identity_sources') -%}
{{ 'union all' if not loop.first }}
select
    {{ sql_value(source, 'text', 'vars.identity_sources') }} as source_code,
    cast({{ loop.index }} as bigint) as source_rank
{% endfor %}
