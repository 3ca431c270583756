-- Whom a mass message may go to: every active relation of a treated member; the journey says through which one of
-- her staff. What she is worth decides who gets the month's allowance first.
with expected as (

    select
        customer_id,
        expected_fen
    from {{ ref('customer_predictions') }}
    where prediction_code = 'expected_spend_90d'

)

select
    members.segment_code,
    members.customer_id,
    relations.userid,
    relations.external_userid,
    relations.added_at,
    coalesce(expected.expected_fen, customers.net_365d_fen) as value_fen
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on segments.segment_code = members.segment_code
inner join {{ ref('dim_customers') }} as customers on customers.customer_id = members.customer_id
inner join {{ ref('fct_wecom_relations') }} as relations on relations.customer_id = members.customer_id
left join expected on expected.customer_id = members.customer_id
where members.is_treated and relations.is_active and segments.destinations like '%wecom_messages%'
