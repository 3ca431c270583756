{{ config(materialized='table') }}

-- The golden record of each touched customer: the member register first, then the newest WeCom contact.
with members as (

    select
        members.*,
        identifiers.customer_id,
        row_number() over (
            partition by identifiers.customer_id
            order by members._load_id desc, members._row_no desc, members.buyer_source asc, members.buyer_id asc
        ) as member_rank
    from {{ ref('stg_miniprogram__members') }} as members
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = {{ buyer_key('members.buyer_source', 'members.buyer_id') }}

),

contacts as (

    select
        contacts.*,
        identifiers.customer_id,
        row_number() over (
            partition by identifiers.customer_id order by contacts._load_id desc, contacts.added_at desc, contacts.record_key asc
        ) as contact_rank
    from {{ ref('stg_wecom__contacts') }} as contacts
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || contacts.external_userid
    where not contacts.is_deleted

)

select
    touched.customer_id,
    coalesce(members.name_masked, contacts.name_masked) as name_masked,
    coalesce(
        nullif(members.gender, 'unknown'),
        case contacts.gender_code when 1 then 'male' when 2 then 'female' end
    ) as gender,
    members.birthday,
    cast(extract(month from members.birthday) as bigint) as birth_month,
    members.city,
    {{ business_date('members.registered_at') }} as registered_date
from {{ ref('int_run__touched_customers') }} as touched
left join members on members.customer_id = touched.customer_id and members.member_rank = 1
left join contacts on contacts.customer_id = touched.customer_id and contacts.contact_rank = 1
