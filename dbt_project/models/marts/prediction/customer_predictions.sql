{{ config(meta={'published_as': 'customer_predictions'}) }}

-- Deciles are of everybody, so one customer's new score may move others over an edge: the table is made whole.
with predictions as (
    {% for prediction in var('predictions') %}
    {%- set columns = prediction_columns(prediction) %}
    {{ 'union all' if not loop.first }}
    select
        customer_id,
        {{ sql_value(prediction.code, 'text', 'vars.predictions') }} as prediction_code,
        {{ sql_value(prediction.model, 'text', 'vars.predictions') }} as model_code,
        {{ columns.score }} as score,
        cast({{ columns.value or 'null' }} as varchar) as predicted_value,
        cast({{ 'round(' ~ columns.score ~ ')' if columns.is_money else 'null' }} as bigint) as expected_fen,
        scored_date
    from {{ ref('int_prediction__scores') }}
    where {{ columns.score }} is not null
    {% endfor %}
)

select
    predictions.customer_id,
    predictions.prediction_code,
    predictions.score,
    cast(ntile(10) over (
        partition by predictions.prediction_code order by predictions.score, predictions.customer_id
    ) as bigint) as decile,
    predictions.predicted_value,
    predictions.expected_fen,
    in_force.model_version,
    predictions.scored_date as as_of
from predictions
inner join {{ ref('int_run__models_in_force') }} as in_force on in_force.model_code = predictions.model_code
