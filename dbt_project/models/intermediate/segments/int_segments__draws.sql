-- What decides who is held out, treated, and in which arm.
{% for segment in segment_definitions() %}
{{ 'union all' if not loop.first }}
select
    '{{ segment.code }}' as segment_code,
    {{ sql_value(segment.get('salt', segment.code), 'text', 'salt') }} as salt,
    {{ (segment.holdout_ratio * 10000) | round | int }} as holdout_buckets,
    {{ sql_value(segment.get('treatment_group', 'segment ' ~ segment.code), 'text', 'treatment_group') }} as treatment_group,
    {{ segment.get('priority', 100) }} as priority,
    cast('{{ lift_from(segment.code) }}' as date) as measured_from
{% endfor %}
