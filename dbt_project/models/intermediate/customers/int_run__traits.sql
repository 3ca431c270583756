{{ config(materialized='table') }}

-- The attributes of rules/features.yml: what holds for all of a touched customer's time, as it is known now.
with first_channels as (

    select
        customer_id,
        {{ first_by('first_channel_code', 'case when first_channel_code is not null then event_day end') }} as first_channel_code
    from {{ ref('int_run__daily') }}
    group by customer_id

),

relations as (

    select
        relations.*,
        row_number() over (
            partition by relations.customer_id order by relations.added_at, relations.userid, relations.external_userid
        ) as first_rank,
        row_number() over (
            partition by relations.customer_id
            order by
                relations.is_active desc, relations.added_at desc, relations.userid asc, relations.external_userid asc
        ) as owner_rank
    from {{ ref('fct_wecom_relations') }} as relations
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = relations.customer_id

),

friends as (

    select
        friends.customer_id,
        friends.account_id,
        row_number() over (
            partition by friends.customer_id order by friends.added_date desc, friends.account_id asc, friends.contact_id asc
        ) as newest_rank
    from {{ ref('fct_personal_contacts') }} as friends
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = friends.customer_id

),

noise as (

    select
        noise.customer_id
        {%- for name, code in {
            'is_listed': 'listed', 'is_test_account': 'test_account', 'is_shill': 'shill',
            'is_coupon_hunter': 'coupon_hunter', 'shares_phone': 'shared_phone'
        }.items() %},
        cast(max(case when noise.noise_code = '{{ code }}' and noise.is_noise then 1 else 0 end) as bigint) as {{ name }}
        {%- endfor %}
    from {{ ref('customer_noise') }} as noise
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = noise.customer_id
    group by noise.customer_id

)

select
    profiles.customer_id,
    profiles.gender,
    profiles.birth_month,
    cast(extract(year from profiles.birthday) as bigint) as birth_year,
    profiles.city,
    first_channels.first_channel_code,
    first_relations.entrance_code as first_entrance_code,
    first_relations.add_way_code,
    case when owners.is_active then owners.userid end as owner_userid,
    friends.account_id as persona_account,
    first_relations.video_account_name,
    coalesce(noise.is_listed, 0) as is_listed,
    coalesce(noise.is_test_account, 0) as is_test_account,
    coalesce(noise.is_shill, 0) as is_shill,
    coalesce(noise.is_coupon_hunter, 0) as is_coupon_hunter,
    coalesce(noise.shares_phone, 0) as shares_phone
from {{ ref('int_run__profiles') }} as profiles
left join first_channels on first_channels.customer_id = profiles.customer_id
left join relations as first_relations
    on first_relations.customer_id = profiles.customer_id and first_relations.first_rank = 1
left join relations as owners on owners.customer_id = profiles.customer_id and owners.owner_rank = 1
left join friends on friends.customer_id = profiles.customer_id and friends.newest_rank = 1
left join noise on noise.customer_id = profiles.customer_id
