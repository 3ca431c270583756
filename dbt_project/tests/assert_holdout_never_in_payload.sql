{{ config(meta={'dagster': {'ref': {'name': 'segment_members'}}}) }}

-- A returned row is a held-out member in an activation payload.
select payload.segment_code, payload.customer_id
from (
    select segment_code, customer_id from {{ ref('act_wecom__segment_tags') }}
    union
    select segment_code, customer_id from {{ ref('act_file__segment_members') }}
    union
    select segment_code, customer_id from {{ ref('act_wecom__receivers') }}
    union
    select segment_code, customer_id from {{ ref('act_wechat__receivers') }}
) as payload
inner join {{ ref('segment_members') }} as members
    on members.segment_code = payload.segment_code and members.customer_id = payload.customer_id
where members.is_holdout
