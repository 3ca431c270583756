{{ config(meta={'published_as': 'segments'}) }}

with definitions as (
    {% for segment in segment_definitions() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ segment.code }}' as segment_code,
        {{ sql_value(segment.name_zh, 'text', 'name_zh') }} as name_zh,
        {{ sql_value(segment.description_zh, 'text', 'description_zh') }} as description_zh,
        {{ sql_value(segment.owner, 'text', 'owner') }} as owner,
        '{{ segment.destinations | join(",") }}' as destinations,
        {{ sql_value(var('wecom_tag_group'), 'text', 'wecom_tag_group') }} as tag_group_name,
        {{ sql_value(segment.tag_name, 'text', 'tag_name') }} as tag_name,
        {{ sql_value(segment.get('purpose', ''), 'text', 'purpose') }} as purpose,
        {{ segment.get('contract_version', 1) }} as contract_version,
        {{ sql_value(segment.treatment_group, 'text', 'treatment_group') if segment.get('treatment_group') else 'cast(null as varchar)' }}
            as treatment_group,
        {{ segment.get('priority', 100) }} as priority,
        {{ sql_value(segment.consent_purpose, 'text', 'consent_purpose') if segment.get('consent_purpose') else 'cast(null as varchar)' }}
            as consent_purpose,
        {%- for cap in ('members', 'touches', 'days') %}
        cast({{ segment.get('caps', {}).get(cap, 'null') }} as bigint) as {{ {'members': 'most_members', 'touches': 'most_touches', 'days': 'touch_window_days'}[cap] }},
        {%- endfor %}
        cast({{ segment.holdout_ratio }} as double) as holdout_ratio,
        {{ rule_version_on(segment, day_number_of_text(run_state().as_of)) }} as rule_version,
        {{ sql_value(tojson(segment.when), 'text', 'rule') }} as rule
    {% endfor %}
),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

sizes as (

    select
        members.segment_code,
        cast(count(*) as bigint) as member_count,
        {{ sum_fen('case when noise.customer_id is null then 1 else 0 end') }} as member_count_clean,
        {{ sum_fen('case when members.is_holdout then 1 else 0 end') }} as holdout_count,
        {{ sum_fen('case when members.is_holdout and noise.customer_id is null then 1 else 0 end') }}
            as holdout_count_clean,
        {{ sum_fen('case when members.is_treated then 1 else 0 end') }} as treated_count,
        {{ sum_fen('case when members.is_treated and noise.customer_id is null then 1 else 0 end') }}
            as treated_count_clean
    from {{ ref('segment_members') }} as members
    left join noise on noise.customer_id = members.customer_id
    group by members.segment_code

)

select
    definitions.*,
    coalesce(sizes.member_count, 0) as member_count,
    coalesce(sizes.member_count_clean, 0) as member_count_clean,
    coalesce(sizes.holdout_count, 0) as holdout_count,
    coalesce(sizes.holdout_count_clean, 0) as holdout_count_clean,
    coalesce(sizes.treated_count, 0) as treated_count,
    coalesce(sizes.treated_count_clean, 0) as treated_count_clean
from definitions
left join sizes on sizes.segment_code = definitions.segment_code
