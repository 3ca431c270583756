{{ config(materialized='table') }}

{{ sums_of_days(ref('int_run__daily')) }}
