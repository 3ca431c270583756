{{ config(meta={'published_as': 'prediction_catalog'}) }}

with definitions as (
    {% for prediction in var('predictions') %}
    {{ 'union all' if not loop.first }}
    select
        {{ sql_value(prediction.code, 'text', 'vars.predictions') }} as prediction_code,
        {{ sql_value(prediction.model, 'text', 'vars.predictions') }} as model_code,
        {{ sql_value(prediction.name_zh, 'text', 'vars.predictions') }} as name_zh,
        {{ sql_value(prediction.description_zh, 'text', 'vars.predictions') }} as description_zh
    {% endfor %}
),

carried as (

    select
        prediction_code,
        max(as_of) as scored_date,
        cast(count(*) as bigint) as customer_count
    from {{ ref('customer_predictions') }}
    group by prediction_code

)

select
    definitions.prediction_code,
    definitions.name_zh,
    definitions.description_zh,
    definitions.model_code,
    in_force.model_version,
    carried.scored_date,
    coalesce(carried.customer_count, 0) as customer_count
from definitions
left join {{ ref('int_run__models_in_force') }} as in_force on in_force.model_code = definitions.model_code
left join carried on carried.prediction_code = definitions.prediction_code
