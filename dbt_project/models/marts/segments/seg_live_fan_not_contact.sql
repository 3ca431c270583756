{{ config(materialized='view') }}

{{ segment_model('live_fan_not_contact') }}
