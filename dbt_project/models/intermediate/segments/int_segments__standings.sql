{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- One text, whatever segments there are: a column each would have to be added and dropped with them.
select
    customer_id,
    {% for segment in segment_definitions() -%}
    {{ '|| ' if not loop.first }}substr('{{ standing_characters() }}', failed_{{ segment.code }} + 1, 1)
    {% else -%}
    ''
    {% endfor -%}
    as standing
from {{ ref('int_run__verdicts') }}
where is_newest
