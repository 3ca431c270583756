-- Which identifier each raw record speaks about, and the business day it speaks of. All versions: when a record
-- changes, whoever it spoke about before is touched too.
select
    order_key as entity_key,
    buyer_key as identifier_key,
    ordered_date as event_date,
    _load_id
from {{ ref('int_orders__unioned') }}
union all
select
    order_key,
    cast(null as varchar),
    cast(null as date),
    _load_id
from {{ ref('int_orders__lines_unioned') }}
union all
select
    refunds.order_key,
    refunds.claimant_key,
    refunds.refunded_date,
    refunds._load_id
from {{ ref('int_orders__refunds_unioned') }} as refunds
union all
select
    refunds.order_key,
    orders.buyer_key,
    refunds.refunded_date,
    refunds._load_id
from {{ ref('int_orders__refunds_unioned') }} as refunds
inner join {{ ref('int_orders__unioned') }} as orders on orders.order_key = refunds.order_key
union all
select
    'coupon_use|' || buyer_source || '|' || coupon_use_id,
    {{ buyer_key('buyer_source', 'buyer_id') }},
    {{ business_date('used_at') }},
    _load_id
from {{ ref('stg_miniprogram__coupon_uses') }}
union all
select
    'member|' || buyer_source || '|' || buyer_id,
    {{ buyer_key('buyer_source', 'buyer_id') }},
    {{ business_date('registered_at') }},
    _load_id
from {{ ref('stg_miniprogram__members') }}
union all
select
    'wecom_contact|' || record_key,
    'external_userid:' || external_userid,
    {{ business_date('added_at') }},
    _load_id
from {{ ref('stg_wecom__contacts') }}
union all
select
    'wecom_group|' || chat_id,
    'external_userid:' || member_userid,
    {{ business_date('joined_at') }},
    _load_id
from {{ ref('stg_wecom__group_members') }}
where member_type_code = 2
union all
select
    'wecom_group|' || chat_id,
    cast(null as varchar),
    cast(null as date),
    _load_id
from {{ ref('stg_wecom__groups') }}
