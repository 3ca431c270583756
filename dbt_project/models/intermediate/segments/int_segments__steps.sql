-- The steps of every segment in order: its conditions, then its exclusions.
{% for segment in segment_definitions() -%}
{%- set outer = loop -%}
{% for step in segment_steps(segment) -%}
{{ 'union all' if not (outer.first and loop.first) }}
select
    cast({{ outer.index }} as integer) as segment_no,
    '{{ segment.code }}' as segment_code,
    cast({{ loop.index }} as integer) as step_no,
    '{{ standing_characters()[loop.index] }}' as step_character,
    '{{ step.kind }}' as step_kind,
    {{ sql_value(segment.step_texts[loop.index0] if 'step_texts' in segment else tojson(step.when), 'text', 'step') }} as step_text_zh
{% endfor -%}
{% endfor %}
