{{ config(materialized='table') }}

{{ daily_of_events(ref('int_run__events')) }}
