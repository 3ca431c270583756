-- Generated from rules/segments.yml by `siyu rules compile`.
{{ config(materialized='view') }}

{{ segment_model('first_order_30_days') }}
