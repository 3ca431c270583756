-- Which identifier each raw record speaks about, and the business day it speaks of. All versions: when a record
-- changes, whoever it spoke about before is touched too.
with everything as (

    select
        order_key as entity_key,
        buyer_key as identifier_key,
        ordered_date as event_date,
        _load_id,
        'order' as event_kind
    from {{ ref('int_orders__unioned') }}
    union all
    select
        order_key,
        cast(null as varchar),
        cast(null as date),
        _load_id,
        'order'
    from {{ ref('int_orders__lines_unioned') }}
    union all
    select
        refunds.order_key,
        refunds.claimant_key,
        refunds.refunded_date,
        refunds._load_id,
        'refund'
    from {{ ref('int_orders__refunds_unioned') }} as refunds
    union all
    -- A corrected after-sale may name another order or claimant: those it named before lose the refund.
    select
        refunds.refund_key,
        refunds.claimant_key,
        cast(null as date),
        refunds._load_id,
        'refund'
    from {{ ref('int_orders__refunds_unioned') }} as refunds
    union all
    select
        refunds.refund_key,
        orders.buyer_key,
        refunds.refunded_date,
        refunds._load_id,
        'refund'
    from {{ ref('int_orders__refunds_unioned') }} as refunds
    inner join {{ ref('int_orders__unioned') }} as orders on orders.order_key = refunds.order_key
    union all
    select
        'coupon_use|' || buyer_source || '|' || coupon_use_id,
        {{ buyer_key('buyer_source', 'buyer_id') }},
        {{ business_date('used_at') }},
        _load_id,
        'coupon'
    from {{ ref('stg_miniprogram__coupon_uses') }}
    union all
    select
        'points_change|' || change_key,
        buyer_key,
        changed_date,
        _load_id,
        'points_change'
    from {{ ref('int_members__points_changes_unioned') }}
    {% for channel in file_channels() -%}
    union all
    select
        '{{ channel.member_source }}|' || buyer_source || '|' || buyer_id,
        {{ buyer_key('buyer_source', 'buyer_id') }},
        {{ business_date('registered_at') }},
        _load_id,
        'register'
    from {{ ref('stg_' ~ channel.code ~ '__members') }}
    {% endfor -%}
    union all
    select
        'wecom_contact|' || record_key,
        'external_userid:' || external_userid,
        {{ business_date('added_at') }},
        _load_id,
        'contact'
    from {{ ref('stg_wecom__contacts') }}
    union all
    select
        'wecom_group|' || chat_id,
        'external_userid:' || member_userid,
        {{ business_date('joined_at') }},
        _load_id,
        'group'
    from {{ ref('stg_wecom__group_members') }}
    where member_type_code = 2
    union all
    select
        'wecom_group|' || chat_id,
        cast(null as varchar),
        cast(null as date),
        _load_id,
        'group'
    from {{ ref('stg_wecom__groups') }}
    union all
    select
        'official_follower|' || openid,
        {{ official_openid_key('openid') }},
        {{ business_date('followed_at') }},
        _load_id,
        'follower'
    from {{ ref('stg_official_account__followers') }}
    union all
    -- Ended in the night after a business day: so by its end.
    select
        'wecom_contact|' || record_key,
        'external_userid:' || external_userid,
        {{ day_before_load('_load_id') }},
        _load_id,
        'contact_end'
    from {{ ref('stg_wecom__contacts') }}
    where is_deleted
    union all
    select
        'official_follower|' || openid,
        {{ official_openid_key('openid') }},
        {{ day_before_load('_load_id') }},
        _load_id,
        'follower_end'
    from {{ ref('stg_official_account__followers') }}
    where is_deleted
    union all
    -- Whoever is missing from the next version of her group.
    select
        'wecom_group|' || members.chat_id,
        'external_userid:' || members.member_userid,
        {{ day_before_load('group_versions.next_load_id') }},
        members._load_id,
        'group_end'
    from {{ ref('stg_wecom__group_members') }} as members
    inner join (
        select
            chat_id,
            _load_id,
            lead(_load_id) over (partition by chat_id order by _load_id) as next_load_id
        from {{ ref('stg_wecom__groups') }}
    ) as group_versions
        on group_versions.chat_id = members.chat_id and group_versions._load_id = members._load_id
    where members.member_type_code = 2 and group_versions.next_load_id is not null
    union all
    -- A tag that staff put was there by the end of the day before the scan that showed it, and gone likewise.
    select
        'wecom_contact|' || record_key,
        'external_userid:' || external_userid,
        {{ day_before_load('_load_id') }},
        _load_id,
        'staff_tag'
    from {{ ref('stg_wecom__contacts') }}
    where tag_ids <> '[]'
    union all
    select
        'wecom_contact|' || record_key,
        'external_userid:' || external_userid,
        {{ day_before_load('next_load_id') }},
        _load_id,
        'staff_tag'
    from (
        select
            *,
            lead(_load_id) over (partition by record_key order by _load_id) as next_load_id
        from {{ ref('stg_wecom__contacts') }}
    ) as contact_versions
    where tag_ids <> '[]' and next_load_id is not null
    union all
    select
        'wecom_contact_details|' || external_userid,
        'external_userid:' || external_userid,
        {{ day_before_load('_load_id') }},
        _load_id,
        'staff_tag'
    from {{ ref('stg_wecom__relation_tags') }}
    where userid is null
    union all
    select
        'official_message|' || message_id,
        {{ official_openid_key('openid') }},
        {{ business_date('sent_at') }},
        _load_id,
        'text'
    from {{ ref('stg_official_account__messages') }}
    union all
    select
        'video_account|' || aftersale_id,
        {{ shop_openid_key('openid') }},
        {{ business_date('created_at') }},
        _load_id,
        'text'
    from {{ ref('stg_video_account__aftersales') }}
    where question_codes is not null
    union all
    select
        'personal_contact|' || account_id || '|' || contact_id,
        {{ personal_contact_key('account_id', 'contact_id') }},
        coalesce(
            {{ business_date('added_at') }},
            {{ business_date(load_instant('min(_load_id) over (partition by account_id, contact_id)')) }}
        ),
        _load_id,
        'friend'
    from {{ ref('stg_personal_wechat__contacts') }}
    union all
    select
        'lead|' || lead_id,
        {{ lead_key('lead_id', 'phone_hmacs') }},
        {{ business_date('submitted_at') }},
        _load_id,
        'lead'
    from {{ ref('stg_video_account__leads') }}
    union all
    select
        'moment_interaction|' || interaction_key,
        'external_userid:' || external_userid,
        {{ business_date('interacted_at') }},
        _load_id,
        'interaction'
    from {{ ref('stg_wecom__moment_interactions') }}
    where external_userid is not null

),

-- Whom a message reached never changes with its record; the day of one without a send time is the message's own.
reached as (

    select
        'send|' || touch_key as entity_key,
        'external_userid:' || external_userid as identifier_key,
        {{ business_date('sent_at') }} as event_date,
        _load_id
    from {{ ref('stg_wecom__sends') }}
    where external_userid is not null
    union all
    select
        'outgoing|' || outgoing.touch_code || '|' || outgoing.outgoing_id,
        'external_userid:' || sends.external_userid,
        {{ business_date('outgoing.created_at') }},
        outgoing._load_id
    from {{ ref('stg_wecom__outgoing') }} as outgoing
    inner join {{ ref('stg_wecom__sends') }} as sends
        on sends.touch_code = outgoing.touch_code and sends.outgoing_id = outgoing.outgoing_id
    where sends.external_userid is not null

)

select * from everything
union all
select
    reached.*,
    'touch'
from reached
