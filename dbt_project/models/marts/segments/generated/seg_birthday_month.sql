-- Generated from rules/segments.yml by `siyu rules compile`.
{{ config(materialized='view') }}

{{ segment_model('birthday_month') }}
