{{ config(meta={'published_as': 'tag_catalog'}) }}

with definitions as (
    {% for tag in tag_definitions() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ tag.code }}' as tag_code,
        {{ sql_value(tag.name_zh, 'text', 'name_zh') }} as name_zh,
        {{ sql_value(tag.family, 'text', 'family') }} as family,
        '{{ tag.made }}' as made,
        '{{ tag.ageing }}' as ageing,
        {{ sql_value(tag.owner, 'text', 'owner') }} as owner,
        {{ tag.version }} as rule_version,
        {{ sql_value(tag.description_zh, 'text', 'description_zh') }} as description_zh,
        {{ sql_value(tag.parent, 'text', 'parent') if tag.parent else 'cast(null as varchar)' }} as parent_tag_code,
        {{ sql_value(tag.exclusive_group, 'text', 'exclusive_group') if tag.exclusive_group else 'cast(null as varchar)' }} as exclusive_group,
        {{ sql_value(tag.derived_from | join(','), 'text', 'derived_from') if tag.derived_from else 'cast(null as varchar)' }}
            as derived_from,
        {{ sql_value(tojson(tag.cases) if tag.made == 'rule' else tag.feature, 'text', 'rule') }} as rule
    {% endfor %}
),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

carried as (

    select
        tags.tag_code,
        cast(count(*) as bigint) as customer_count,
        {{ sum_fen('case when noise.customer_id is null then 1 else 0 end') }} as customer_count_clean,
        cast(count(distinct tags.tag_value) as bigint) as value_count
    from {{ ref('customer_tags') }} as tags
    left join noise on noise.customer_id = tags.customer_id
    group by tags.tag_code

)

select
    definitions.*,
    coalesce(carried.customer_count, 0) as customer_count,
    coalesce(carried.customer_count_clean, 0) as customer_count_clean,
    coalesce(carried.value_count, 0) as value_count
from definitions
left join carried on carried.tag_code = definitions.tag_code
