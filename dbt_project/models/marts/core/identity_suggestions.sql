{{ config(meta={'published_as': 'identity_suggestions'}) }}

-- A load holds all pairs of one search, so the newest one replaces those before it.
with searches as (

    select
        *,
        max(_load_id) over () as newest_load_id
    from {{ ref('stg_identity__suggestions') }}

),

newest as (

    select *
    from searches
    where _load_id = newest_load_id

)

select
    newest.pair_id,
    newest.left_key,
    newest.right_key,
    lefts.customer_id as left_customer_id,
    rights.customer_id as right_customer_id,
    newest.match_probability,
    newest.match_weight,
    newest.agreed_fields,
    newest.similar_fields,
    newest.differing_fields,
    case
        when decisions.verdict is not null then decisions.verdict
        when lefts.customer_id = rights.customer_id then 'joined'
        else 'open'
    end as review_status,
    decisions.reason,
    decisions.decided_by,
    decisions.decided_at,
    newest.source,
    {{ load_instant('newest._load_id') }} as suggested_at
from newest
left join {{ ref('int_identity__decisions') }} as decisions
    on decisions.left_key = newest.left_key and decisions.right_key = newest.right_key
left join {{ ref('bridge_customer_identities') }} as lefts on lefts.identifier_key = newest.left_key
left join {{ ref('bridge_customer_identities') }} as rights on rights.identifier_key = newest.right_key
