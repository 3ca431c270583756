{{ config(materialized='view') }}

{{ segment_model('repeat_within_30_days') }}
