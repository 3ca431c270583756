{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Not a ref(): it is tag_history one run earlier.
{{ said_before('tag_history', {
    'customer_id': 'varchar', 'tag_code': 'varchar', 'tag_value': 'varchar', 'valid_from': 'date', 'valid_to': 'date',
    'rule_version': 'integer'
}) }}
