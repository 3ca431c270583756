{%- set as_of_day = day_number_of_text(run_state().as_of) %}
-- The steps of every version of every segment in order: its conditions, then its exclusions.
{% set rows = [] -%}
{% for segment in segment_definitions() -%}
{%- set segment_no = loop.index -%}
{%- for version in [segment] + segment.get('earlier', []) -%}
{%- for step in segment_steps(version) -%}
{%- do rows.append({'segment': segment, 'segment_no': segment_no, 'version': version, 'step': step, 'no': loop.index}) -%}
{%- endfor -%}
{%- endfor -%}
{%- endfor -%}
{% for row in rows -%}
{{ 'union all' if not loop.first }}
select
    cast({{ row.segment_no }} as integer) as segment_no,
    '{{ row.segment.code }}' as segment_code,
    cast({{ row.version.version }} as integer) as rule_version,
    {{ rule_version_on(row.segment, as_of_day) }} = {{ row.version.version }} as is_in_force,
    cast({{ row.no }} as integer) as step_no,
    '{{ standing_characters()[row.no] }}' as step_character,
    '{{ row.step.kind }}' as step_kind,
    {{ sql_value(row.version.step_texts[row.no - 1] if 'step_texts' in row.version else tojson(row.step.when), 'text', 'step') }} as step_text_zh
{% endfor %}
