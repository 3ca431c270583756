-- Generated from rules/segments.yml by `siyu rules compile`.
{{ config(materialized='view') }}

{{ segment_model('lapsed_win_back') }}
