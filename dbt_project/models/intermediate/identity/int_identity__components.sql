{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_recomputed_components() }}"
) }}

select
    identifier_no,
    component_no,
    anchor_no
from {{ ref('int_run__components') }}
