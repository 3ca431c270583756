-- Generated from rules/segments.yml by `siyu rules compile`.
{{ config(materialized='view') }}

{{ segment_model('new_lead_not_bought') }}
