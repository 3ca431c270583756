-- depends_on: {{ ref('stg_siyu__prediction_models') }}
-- depends_on: {{ ref('int_run__touched_customers') }}
select distinct orders.customer_id
from {{ ref('fct_orders') }} as orders
where
    orders.is_valid and orders.ordered_date <= cast('{{ scoring_date(run_state().as_of) }}' as date)
    {%- if not scores_everybody() %}
    and orders.customer_id in (select touched.customer_id from {{ ref('int_run__touched_customers') }} as touched)
    {%- endif %}
