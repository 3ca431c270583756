{#- Body of a seg_ model: the present members of one declared segment. -#}
{% macro segment_model(code) %}
    {%- if code not in var('segments') | map(attribute='code') %}{% do rule_error('vars.segments', 'a segment ' ~ code, var('segments') | map(attribute='code') | list) %}{% endif -%}
select
    members.customer_id,
    members.entered_date,
    members.is_holdout,
    members.rule_version
from {{ ref('segment_members') }} as members
where members.segment_code = '{{ code }}'
{% endmacro %}
