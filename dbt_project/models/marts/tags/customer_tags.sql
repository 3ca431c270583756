{{ config(materialized='view', meta={'published_as': 'customer_tags'}) }}

select
    customer_id,
    tag_code,
    tag_value,
    valid_from,
    rule_version
from {{ ref('tag_history') }}
where valid_to is null and known_to is null
union all
select
    customer_id,
    {{ staff_tag_code('tag_group_name', 'tag_name') }} as tag_code,
    tag_name as tag_value,
    min(put_date) as valid_from,
    cast(1 as integer) as rule_version
from {{ ref('fct_staff_tags') }}
where taken_date is null
group by customer_id, tag_group_name, tag_name
