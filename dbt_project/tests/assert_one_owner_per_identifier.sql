{{ config(meta={'dagster': {'ref': {'name': 'bridge_customer_identities'}}}) }}

-- A returned row is a customer_no that two customers share, or a customer with two numbers.
select customer_no, count(distinct customer_id) as owners
from {{ ref('bridge_customer_identities') }}
group by customer_no
having count(distinct customer_id) <> 1
union all
select count(distinct customer_no), 0
from {{ ref('bridge_customer_identities') }}
group by customer_id
having count(distinct customer_no) <> 1
