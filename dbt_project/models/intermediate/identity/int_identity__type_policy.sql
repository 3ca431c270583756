-- The policy of dbt_project.yml as rows, strongest type first.
{% for type in var('identity_types') -%}
{{ 'union all' if not loop.first }}
select
    {{ sql_value(type.type, 'text', 'vars.identity_types') }} as identifier_type,
    cast({{ loop.index }} as bigint) as type_rank,
    cast({{ type.most_beside or 'null' }} as bigint) as most_beside,
    cast({{ type.most_per_customer or 'null' }} as bigint) as most_per_customer,
    {{ 'false' if type.get('is_person') is false else 'true' }} as is_person
{% endfor %}
