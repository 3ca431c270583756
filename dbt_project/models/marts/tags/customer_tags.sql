{{ config(materialized='view', meta={'published_as': 'customer_tags'}) }}

select
    customer_id,
    tag_code,
    tag_value,
    valid_from,
    rule_version
from {{ ref('tag_history') }}
where valid_to is null and known_to is null
