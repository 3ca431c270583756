-- A tag belongs to a (staff, customer) relation, so every active relation of a member carries it: tag all,
-- message through one. Who is held out, or treated in another segment, is left out.
select
    segments.segment_code,
    segments.tag_group_name,
    segments.tag_name,
    members.customer_id,
    relations.userid,
    relations.external_userid
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('fct_wecom_relations') }} as relations on relations.customer_id = members.customer_id
where members.is_treated and relations.is_active and segments.destinations like '%wecom_tags%'
