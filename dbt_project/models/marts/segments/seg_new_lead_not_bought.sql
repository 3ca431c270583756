{{ config(materialized='view') }}

{{ segment_model('new_lead_not_bought') }}
