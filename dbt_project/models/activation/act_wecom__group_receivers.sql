-- Groups that a group message may go to: with a treated member in them. That nobody in them is held out is looked at
-- when the message is planned, and again when it is sent.
select
    members.segment_code,
    memberships.chat_id,
    memberships.owner_userid,
    cast(count(distinct members.customer_id) as bigint) as member_count
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('fct_group_memberships') }} as memberships on memberships.customer_id = members.customer_id
where members.is_treated and memberships.is_member and segments.destinations like '%wecom_group_messages%'
group by members.segment_code, memberships.chat_id, memberships.owner_userid
