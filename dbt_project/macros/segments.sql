{#-
    A segment is a list of steps, its conditions and then its exclusions (rules/segments.yml, exclusions.yml). What is
    kept of a customer is the first step she fails, 0 when she is in: membership, funnel and reason of exit follow.
-#}
{% macro segment_steps(segment) %}
    {{ return(segment.steps if 'steps' in segment else [{'kind': 'condition', 'when': segment.when}]) }}
{% endmacro %}

{#- SQL of the first step that a row of the timeline fails, 0 for none: of the version that holds on its day. -#}
{% macro compile_segment(segment, known) %}
    {% set where = 'segment ' ~ segment.code %}
    {% set versions = [] %}
    {% for each in earlier_versions(segment) %}
        {% do versions.append('when change_day < ' ~ each.before_day ~ ' then ' ~ compile_steps(each, known, where)) %}
    {% endfor %}
    {% set sql = compile_steps(segment, known, where) %}
    {% if versions %}{% set sql = 'case ' ~ versions | join(' ') ~ ' else ' ~ sql ~ ' end' %}{% endif %}
    {{ return('cast(' ~ sql ~ ' as smallint)') }}
{% endmacro %}

{% macro compile_steps(version, known, where) %}
    {% set cases = [] %}
    {% for step in segment_steps(version) %}
        {% do cases.append('when not ' ~ compile_condition(step.when, known, where) ~ ' then ' ~ loop.index) %}
    {% endfor %}
    {{ return('case ' ~ cases | join(' ') ~ ' else 0 end') }}
{% endmacro %}

{#- The characters that stand for 0, 1, 2 … in a standing: in the order of ASCII, so that they compare as numbers do. -#}
{% macro standing_characters() -%}
    {{ return('0123456789abcdefghijklmnopqrstuvwxyz') }}
{%- endmacro %}

{#- Stays of touched customers in segments: one row per stay, with the step that ended it. -#}
{% macro segment_stays() %}
with compared as (

    select
        customer_id,
        change_day
        {%- for segment in segment_definitions() %},
        failed_{{ segment.code }},
        lag(failed_{{ segment.code }} = 0) over (partition by customer_id order by change_day) as was_in_{{ segment.code }}
        {%- endfor %}
    from {{ ref('int_run__verdicts') }}

),

changes as (
    {% for segment in segment_definitions() %}
    {{ 'union all' if not loop.first }}
    select
        customer_id,
        change_day,
        '{{ segment.code }}' as segment_code,
        {{ rule_version_on(segment, 'change_day') }} as rule_version,
        failed_{{ segment.code }} as failed_step
    from compared
    where (failed_{{ segment.code }} = 0) <> coalesce(was_in_{{ segment.code }}, false)
    {% endfor %}
),

stays as (

    select
        *,
        lead(rule_version) over (partition by customer_id, segment_code order by change_day) as exit_rule_version,
        lead(change_day) over (partition by customer_id, segment_code order by change_day) as left_day,
        lead(failed_step) over (partition by customer_id, segment_code order by change_day) as exit_step
    from changes

)
{% endmacro %}

{#- Stable bucket 0..9999 of a customer for a draw. Without the key (SIYU_DRAW_DIGEST, of SIYU_DRAW_KEY) nobody can tell it from the id. -#}
{% macro draw_bucket(draw, salt, customer_id) -%}
    {{ hash_bucket("'" ~ local_md5(env_var('SIYU_DRAW_DIGEST', '')) ~ "|" ~ draw ~ "|' || " ~ salt ~ " || '|' || " ~ customer_id) }}
{%- endmacro %}

{#- Body of a seg_ model: the present members of one declared segment. -#}
{% macro segment_model(code) %}
    {%- set codes = segment_definitions() | map(attribute='code') | list %}
    {%- if code not in codes %}{% do rule_error('rules/segments.yml', 'a segment ' ~ code, codes) %}{% endif -%}
select
    members.customer_id,
    members.entered_date,
    members.is_holdout,
    members.variant_code,
    members.is_treated,
    members.rule_version
from {{ ref('segment_members') }} as members
where members.segment_code = '{{ code }}'
{% endmacro %}
