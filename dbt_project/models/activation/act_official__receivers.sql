-- Followers of the official account: whether one agreed to a subscribe message only the platform knows.
select
    members.segment_code,
    members.customer_id,
    'official_account' as app,
    followers.openid,
    followers.followed_at as added_at,
    customers.net_365d_fen as value_fen
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('dim_customers') }} as customers on customers.customer_id = members.customer_id
inner join {{ ref('fct_official_followers') }} as followers on followers.customer_id = members.customer_id
where members.is_treated and followers.is_following and segments.destinations like '%subscribe_messages%'
