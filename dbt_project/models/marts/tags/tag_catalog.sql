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

),

-- 员工手工标签: what staff call it is its definition. One that nobody carries any more stays listed.
staff_tags as (

    select
        {{ staff_tag_code('tag_group_name', 'tag_name') }} as tag_code,
        tag_name,
        tag_group_name,
        min(tag_kind_code) as tag_kind_code
    from {{ ref('fct_staff_tags') }}
    group by tag_name, tag_group_name

),

-- 预测标签: their value is a score with its decile, or the category that is predicted.
predicted as (

    select
        predictions.prediction_code,
        {{ sum_fen('case when noise.customer_id is null then 1 else 0 end') }} as customer_count_clean,
        cast(count(distinct coalesce(predictions.predicted_value, cast(predictions.decile as varchar))) as bigint) as value_count
    from {{ ref('customer_predictions') }} as predictions
    left join noise on noise.customer_id = predictions.customer_id
    group by predictions.prediction_code

)

select
    definitions.*,
    coalesce(carried.customer_count, 0) as customer_count,
    coalesce(carried.customer_count_clean, 0) as customer_count_clean,
    coalesce(carried.value_count, 0) as value_count,
    cast(null as varchar) as model_version,
    cast(null as date) as scored_date
from definitions
left join carried on carried.tag_code = definitions.tag_code
union all
select
    staff_tags.tag_code,
    staff_tags.tag_name,
    'staff',
    'fact',
    'dynamic',
    'staff',
    1,
    '员工在企业微信打的标签（' || coalesce(staff_tags.tag_group_name, '') || '）。',
    cast(null as varchar),
    cast(null as varchar),
    cast(null as varchar),
    'staff_tags: ' || staff_tags.tag_kind_code,
    coalesce(carried.customer_count, 0),
    coalesce(carried.customer_count_clean, 0),
    coalesce(carried.value_count, 0),
    cast(null as varchar),
    cast(null as date)
from staff_tags
left join carried on carried.tag_code = staff_tags.tag_code
union all
select
    catalog.prediction_code,
    catalog.name_zh,
    'stands',
    'prediction',
    'dynamic',
    'data',
    1,
    catalog.description_zh,
    cast(null as varchar),
    cast(null as varchar),
    cast(null as varchar),
    catalog.model_code,
    catalog.customer_count,
    coalesce(predicted.customer_count_clean, 0),
    coalesce(predicted.value_count, 0),
    catalog.model_version,
    catalog.scored_date
from {{ ref('prediction_catalog') }} as catalog
left join predicted on predicted.prediction_code = catalog.prediction_code
