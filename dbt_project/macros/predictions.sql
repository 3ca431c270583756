{#-
    Predictions are a function of the lake: of the facts up to the scoring day, and of the model versions that were
    trained and landed by then. A version is in force when it is the newest promoted one of its model that the run
    may know, and has itself seen no day after as_of: a replay of an old day uses the old version.
-#}

{#- Day that customers are looked at from: the last one of the calendar's scoring days up to as_of. -#}
{% macro scoring_date(as_of) -%}
    {%- set every = var('prediction_scoring_days') -%}
    {#- Training looks from Sundays, which are scoring days of both. -#}
    {%- if every not in (1, 7) -%}
        {%- do rule_error('vars.prediction_scoring_days', '1 (every day) or 7 (Sundays)', every) -%}
    {%- endif -%}
    {%- set day = modules.datetime.datetime.strptime(as_of | string, '%Y-%m-%d') -%}
    {#- 1970-01-04 was a Sunday. -#}
    {%- set past = ((day - modules.datetime.datetime(1970, 1, 4)).days) % every -%}
    {{ return((day - modules.datetime.timedelta(days=past)).strftime('%Y-%m-%d')) }}
{%- endmacro %}

{#- The versions in force for a run of that day that knows that load. -#}
{% macro models_in_force(as_of, known_load_id) -%}
    select
        model_code,
        model_version,
        parameters,
        _load_id
    from (
        select
            *,
            row_number() over (partition by model_code order by _load_id desc, _row_no desc) as version_rank
        from {{ ref('stg_siyu__prediction_models') }}
        where is_promoted and trained_as_of <= cast('{{ as_of }}' as date) and _load_id <= '{{ known_load_id }}'
    ) as ranked
    where version_rank = 1
{%- endmacro %}

{#-
    Whether everybody has to be scored anew: a scoring day has come, or another version into force. On other days
    what is known of a customer up to the scoring day changes only when she is touched.
-#}
{% macro scores_everybody() -%}
    {%- set state = run_state() -%}
    {%- if not execute or state.is_rebuild or not state.previous_as_of -%}{{ return(true) }}{%- endif -%}
    {%- if scoring_date(state.as_of) != scoring_date(state.previous_as_of) -%}{{ return(true) }}{%- endif -%}
    {%- set differing = 'select count(*) from ((' ~ models_in_force(state.as_of, state.known_load_id) ~ ') except ('
        ~ models_in_force(state.previous_as_of, state.previous_load_id) ~ ')) as differing' -%}
    {{ return(run_query(differing).rows[0][0] > 0) }}
{%- endmacro %}

{#- Pre-hook: the scores that this run is about to make again. -#}
{% macro forget_scores() -%}
    {{- forget_where(
        '1 = 1' if scores_everybody()
        else 'customer_id in (select customer_id from ' ~ ref('int_run__touched_customers') ~ ')'
    ) -}}
{%- endmacro %}

{#- What the scores of a run hold of a prediction, and whether it is money; a name that no model fills stops the parse. -#}
{% macro prediction_columns(prediction) -%}
    {%- set known = {
        'expected_purchases_90d': {'model': 'purchases', 'score': 'expected_purchases_90d'},
        'probability_alive': {'model': 'purchases', 'score': 'probability_alive'},
        'expected_order_value': {'model': 'order_value', 'score': 'expected_order_value', 'is_money': true},
        'expected_spend_90d': {
            'model': 'order_value', 'is_money': true,
            'score': 'round(expected_purchases_90d * expected_order_value, 6)',
        },
        'repurchase_30d': {'model': 'repurchase_30d', 'score': 'repurchase_30d'},
        'churn_90d': {'model': 'churn_90d', 'score': 'churn_90d'},
        'next_category': {'model': 'next_category', 'score': 'next_category', 'value': 'next_category_value'},
    } -%}
    {%- if prediction.code not in known or prediction.model != known[prediction.code].model -%}
        {%- do rule_error('vars.predictions', 'a code and its model, one of '
            ~ known_predictions(known), prediction.code ~ ' of ' ~ prediction.model) -%}
    {%- endif -%}
    {{ return(known[prediction.code]) }}
{%- endmacro %}

{% macro known_predictions(known) -%}
    {%- set pairs = [] -%}
    {%- for code, about in known.items() -%}{%- do pairs.append(code ~ ' of ' ~ about.model) -%}{%- endfor -%}
    {{ return(pairs | join(', ')) }}
{%- endmacro %}
