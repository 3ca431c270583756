{{ config(meta={'published_as': 'segments'}) }}

with definitions as (
    {% for segment in var('segments') %}
    {{ 'union all' if not loop.first }}
    select
        '{{ segment.code }}' as segment_code,
        {{ sql_value(segment.name_zh, 'text', 'name_zh') }} as name_zh,
        {{ sql_value(segment.description_zh, 'text', 'description_zh') }} as description_zh,
        {{ sql_value(segment.owner, 'text', 'owner') }} as owner,
        '{{ segment.destinations | join(",") }}' as destinations,
        {{ sql_value(var('wecom_tag_group'), 'text', 'wecom_tag_group') }} as tag_group_name,
        {{ sql_value(segment.tag_name, 'text', 'tag_name') }} as tag_name,
        cast({{ segment.holdout_ratio }} as double) as holdout_ratio,
        {{ segment.version }} as rule_version,
        {{ sql_value(tojson(segment.when), 'text', 'rule') }} as rule
    {% endfor %}
),

sizes as (

    select
        segment_code,
        cast(count(*) as bigint) as member_count,
        cast(sum(case when is_holdout then 1 else 0 end) as bigint) as holdout_count
    from {{ ref('segment_members') }}
    group by segment_code

)

select
    definitions.*,
    coalesce(sizes.member_count, 0) as member_count,
    coalesce(sizes.holdout_count, 0) as holdout_count
from definitions
left join sizes on sizes.segment_code = definitions.segment_code
