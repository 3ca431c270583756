{{ config(materialized='table') }}

-- Which identifiers joined nobody, as the previous run left it.
{{ select_from_before('int_identity__limited', {'identifier_no': 'bigint', 'companion_count': 'bigint'}) }}
