{#- Effect of a segment (segment_lift): within how many days after she started, and from which day on it is measured. -#}
{% macro lift_days() %}
    {% set days = var('segment_lift').get('within_days') %}
    {% if not days %}{% do rule_error('vars.segment_lift.within_days', 'at least one number of days', days) %}{% endif %}
    {% for each in days %}{% do whole_number(each, 1, 365, 'vars.segment_lift.within_days') %}{% endfor %}
    {{ return(days) }}
{% endmacro %}

{#- Business day from which on a segment is measured; without one, since its first member. -#}
{% macro lift_from(code) %}
    {% set policy = var('segment_lift') %}
    {% set day = policy.get('measured_from_by_segment', {}).get(code) or policy.get('measured_from') or '1970-01-01' %}
    {{ return(business_day(day, 'vars.segment_lift.measured_from')) }}
{% endmacro %}

{#- Metric -> SQL of a member's value, from int_segments__first_stays as `stays`. -#}
{% macro lift_metrics(days) %}
    {{ return({
        'ordered': 'case when stays.order_' ~ days ~ 'd_count > 0 then 1 else 0 end',
        'order_count': 'stays.order_' ~ days ~ 'd_count',
        'net_fen': 'stays.net_' ~ days ~ 'd_fen',
    }) }}
{% endmacro %}
