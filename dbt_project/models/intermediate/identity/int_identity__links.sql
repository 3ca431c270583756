{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_records_seen_anew() }}"
) }}
-- depends_on: {{ ref('int_run__links_before') }}

select
    source_rank,
    record_uid,
    identifier_no,
    hub_no,
    load_no
from (
    {{ stars_of_records('superseded_load_no is null') }}
) as stars
