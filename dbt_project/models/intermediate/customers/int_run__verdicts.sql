{{ config(materialized='table') }}

-- All rules in one pass: 500 cost about what 5 do.
{%- set layers = rule_layers(tag_definitions(), segment_definitions()) %}
{%- set columns = [] %}

with layer_0 as (

    select * from {{ ref('int_run__timeline') }}

)
{%- for layer in layers %},

layer_{{ loop.index }} as (

    select
        layer_{{ loop.index0 }}.*
        {%- for column, sql in layer.items() %},
        {{ sql }} as {{ column }}
        {%- do columns.append(column) %}
        {%- endfor %}
    from layer_{{ loop.index0 }}

)
{%- endfor %}

select
    customer_id,
    change_day,
    is_newest,
    is_first
    {%- for column in columns %},
    {{ column }}
    {%- endfor %}
    {%- for segment in segment_definitions() %},
    {{ rule_column('failed', segment.code) }} = 0 as {{ rule_column('seg', segment.code) }}
    {%- endfor %}
from layer_{{ layers | length }}
