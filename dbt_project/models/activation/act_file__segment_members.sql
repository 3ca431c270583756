select
    members.segment_code,
    segments.name_zh as segment_name_zh,
    members.customer_id,
    customers.customer_no,
    members.entered_date,
    tiers.tier_code,
    customers.order_count,
    customers.net_fen as net_spend_fen
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('dim_customers') }} as customers on customers.customer_id = members.customer_id
inner join {{ ref('member_tiers') }} as tiers on tiers.customer_id = members.customer_id
where members.is_treated and segments.destinations like '%file_export%'
