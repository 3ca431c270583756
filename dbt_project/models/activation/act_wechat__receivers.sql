-- Whom subscribe messages (订阅消息) may go to: followers of the official account, and who is known by an openid of a
-- mini-program. Which of the apps is the brand's mini-program, the destination knows by its app id (wx…; what files call
-- otherwise is none). Whether somebody agreed to a message only the platform knows.
with openids as (

    select
        'subscribe_messages' as destination,
        customer_id,
        'official_account' as app,
        openid,
        followed_at as added_at
    from {{ ref('fct_official_followers') }}
    where is_following
    union all
    select
        'miniprogram_messages' as destination,
        customer_id,
        {{ dbt.split_part('identifier_key', "':'", 2) }} as app,
        {{ dbt.split_part('identifier_key', "':'", 3) }} as openid,
        first_known_at as added_at
    from {{ ref('bridge_customer_identities') }}
    where identifier_key like 'openid:wx%' and blocked_reason is null

)

select
    members.segment_code,
    members.customer_id,
    openids.app,
    openids.openid,
    openids.added_at,
    customers.net_365d_fen as value_fen
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('dim_customers') }} as customers on customers.customer_id = members.customer_id
inner join openids
    on openids.customer_id = members.customer_id and segments.destinations like '%' || openids.destination || '%'
where members.is_treated
