-- For tools that take members one by one: the webhook and the PostgreSQL table. The holdout is left out.
select
    members.segment_code,
    members.customer_id,
    customers.customer_no,
    members.entered_date,
    tiers.tier_code
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('dim_customers') }} as customers on customers.customer_id = members.customer_id
inner join {{ ref('member_tiers') }} as tiers on tiers.customer_id = members.customer_id
where
    not members.is_holdout
    and (segments.destinations like '%webhook%' or segments.destinations like '%postgresql_table%')
