{{ config(materialized='view') }}

{{ segment_model('high_value_silent') }}
