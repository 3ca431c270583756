{{ config(materialized='table') }}

-- The first time that each touched customer bought, bought in a livestream, became a contact, joined a group; and what
-- was known of her that day.
with contacts as (

    select
        relations.customer_id,
        relations.added_date,
        relations.userid,
        relations.entrance_code,
        row_number() over (
            partition by relations.customer_id
            order by relations.added_at, relations.userid, relations.external_userid
        ) as contact_rank
    from {{ ref('fct_wecom_relations') }} as relations
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = relations.customer_id

),

joins as (

    select
        memberships.customer_id,
        memberships.joined_date,
        memberships.entrance_code,
        row_number() over (
            partition by memberships.customer_id
            order by memberships.joined_at, memberships.chat_id, memberships.external_userid
        ) as join_rank
    from {{ ref('fct_group_memberships') }} as memberships
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = memberships.customer_id

),

firsts as (
    {% for kind, condition in {
        'first_order': 'purchases.purchase_no = 1 and purchases.order_of_day = 1',
        'first_live_order': 'purchases.live_order_no = 1',
    }.items() %}
    select
        '{{ kind }}' as cohort_kind,
        purchases.customer_id,
        purchases.ordered_date as cohort_date,
        purchases.channel_code,
        purchases.order_source,
        purchases.live_id,
        categories.category,
        cast(null as varchar) as entrance_code
    from {{ ref('int_run__purchases') }} as purchases
    left join {{ ref('int_run__main_categories') }} as categories on categories.order_key = purchases.order_key
    where {{ condition }}
    union all
    {%- endfor %}
    select
        'first_contact', customer_id, added_date, cast(null as varchar), cast(null as varchar), cast(null as varchar),
        cast(null as varchar), entrance_code
    from contacts
    where contact_rank = 1 and added_date is not null
    union all
    select
        'first_group_join', customer_id, joined_date, cast(null as varchar), cast(null as varchar),
        cast(null as varchar), cast(null as varchar), entrance_code
    from joins
    where join_rank = 1 and joined_date is not null

),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

known as (

    select
        firsts.customer_id,
        firsts.cohort_kind,
        firsts.cohort_date,
        coalesce(firsts.channel_code, 'none') as channel_code,
        coalesce(firsts.order_source, 'none') as order_source,
        coalesce(firsts.live_id, 'none') as live_id,
        coalesce(firsts.category, 'none') as category,
        coalesce(firsts.entrance_code, contacts.entrance_code, 'none') as entrance_code,
        {{ bait_on(
            'coalesce(firsts.entrance_code, contacts.entrance_code)',
            'case when firsts.entrance_code is null then contacts.added_date else firsts.cohort_date end'
        ) }} as bait_code,
        coalesce(contacts.userid, 'none') as userid,
        noise.customer_id is not null as is_noise
    from firsts
    left join contacts
        on
            contacts.customer_id = firsts.customer_id
            and contacts.contact_rank = 1
            and contacts.added_date <= firsts.cohort_date
    left join noise on noise.customer_id = firsts.customer_id

)

select
    known.*,
    {{ digest(
        "cohort_kind || '|' || cast(cohort_date as varchar) || '|' || channel_code || '|' || order_source || '|' || live_id "
        ~ "|| '|' || category || '|' || entrance_code || '|' || bait_code || '|' || userid || '|' || cast(is_noise as varchar)"
    ) }} as cell_uid
from known
