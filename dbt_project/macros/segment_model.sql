{#- Body of a seg_ model: the present members of one declared segment. -#}
{% macro segment_model(code) %}
    {%- set codes = segment_definitions() | map(attribute='code') | list %}
    {%- if code not in codes %}{% do rule_error('rules/segments.yml', 'a segment ' ~ code, codes) %}{% endif -%}
select
    members.customer_id,
    members.entered_date,
    members.is_holdout,
    members.rule_version
from {{ ref('segment_members') }} as members
where members.segment_code = '{{ code }}'
{% endmacro %}
