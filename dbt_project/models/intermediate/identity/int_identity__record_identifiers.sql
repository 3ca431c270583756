-- One row per version of a record and identifier in it. Two identifiers of one record belong to one person.
with orders as (

    select
        order_key as record_uid,
        _load_id,
        _row_no,
        buyer_key,
        cast(null as varchar) as unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('int_orders__unioned') }}
    {% for channel in file_channels() -%}
    union all
    select
        {{ file_order_key(channel.code, 'order_id', 'buyer_source') }},
        _load_id,
        _row_no,
        'openid:' || app_id || ':' || openid,
        unionid,
        phone_hmac
    from {{ ref('stg_' ~ channel.code ~ '__orders') }}
    {% endfor -%}
    union all
    select
        {{ shop_order_key('order_id') }},
        _load_id,
        0,
        cast(null as varchar),
        case when is_gift and giver_openid is not null then giver_unionid else unionid end,
        cast(null as varchar)
    from {{ ref('stg_video_account__shop_orders') }}
    where not is_deleted

),

-- The receiver of a gift is a person of her own, known by the same kind of identifiers.
gift_receivers as (

    select
        'receiver|' || {{ shop_order_key('order_id') }} as record_uid,
        _load_id,
        0 as _row_no,
        {{ shop_openid_key('openid') }} as buyer_key,
        unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_video_account__shop_orders') }}
    where is_gift and giver_openid is not null and not is_deleted

),

{% for channel in file_channels() -%}
{{ channel.member_source }}s as (

    select
        '{{ channel.member_source }}|' || buyer_source || '|' || buyer_id as record_uid,
        _load_id,
        _row_no,
        {{ buyer_key('buyer_source', 'buyer_id') }} as buyer_key,
        unionid,
        phone_hmac
    from {{ ref('stg_' ~ channel.code ~ '__members') }}
    union all
    select
        '{{ channel.member_source }}|' || buyer_source || '|' || buyer_id,
        _load_id,
        _row_no,
        'openid:' || app_id || ':' || openid,
        cast(null as varchar),
        cast(null as varchar)
    from {{ ref('stg_' ~ channel.code ~ '__members') }}

),

{% endfor -%}
coupon_users as (

    select
        'coupon_use|' || buyer_source || '|' || coupon_use_id as record_uid,
        _load_id,
        _row_no,
        {{ buyer_key('buyer_source', 'buyer_id') }} as buyer_key,
        cast(null as varchar) as unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_miniprogram__coupon_uses') }}

),

points_holders as (

    select
        'points_change|' || change_key as record_uid,
        _load_id,
        _row_no,
        buyer_key,
        cast(null as varchar) as unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('int_members__points_changes_unioned') }}

),

claimants as (

    select
        'aftersale|' || aftersale_id as record_uid,
        _load_id,
        0 as _row_no,
        {{ shop_openid_key('openid') }} as buyer_key,
        unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_video_account__aftersales') }}
    where not is_deleted

),

-- A delete row says that a relation ended, not that the person was somebody else: it carries no identifiers.
contacts as (

    select
        'wecom_contact|' || record_key as record_uid,
        _load_id,
        0 as _row_no,
        'external_userid:' || external_userid as buyer_key,
        unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_wecom__contacts') }}
    where not is_deleted
    union all
    select
        'wecom_contact|' || contacts.record_key,
        contacts._load_id,
        0,
        cast(null as varchar),
        cast(null as varchar),
        {{ json_text('items.item', '$') }}
    from {{ ref('stg_wecom__contacts') }} as contacts
    cross join {{ json_items('contacts.phone_hmacs', '$') }}
    where not contacts.is_deleted

),

group_members as (

    select
        'group_member|' || chat_id || '|' || member_userid as record_uid,
        _load_id,
        0 as _row_no,
        'external_userid:' || member_userid as buyer_key,
        unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_wecom__group_members') }}
    where member_type_code = 2

),

-- A delete row says that she follows no longer, and carries no identifiers either.
followers as (

    select
        'official_follower|' || openid as record_uid,
        _load_id,
        0 as _row_no,
        {{ official_openid_key('openid') }} as buyer_key,
        unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_official_account__followers') }}
    where not is_deleted

),

personal_contacts as (

    select
        'personal_contact|' || account_id || '|' || contact_id as record_uid,
        _load_id,
        _row_no,
        {{ personal_contact_key('account_id', 'contact_id') }} as buyer_key,
        cast(null as varchar) as unionid,
        phone_hmac
    from {{ ref('stg_personal_wechat__contacts') }}

),

-- A lead with a phone is no identifier of its own: somebody who fills in a form every week would stand beside her
-- phone as often, and the brake would take her for a crowd.
leads as (

    select
        'lead|' || lead_id as record_uid,
        _load_id,
        0 as _row_no,
        {{ lead_key('lead_id', 'phone_hmacs') }} as buyer_key,
        cast(null as varchar) as unionid,
        cast(null as varchar) as phone_hmac
    from {{ ref('stg_video_account__leads') }}
    where {{ json_text('phone_hmacs', '$[0]') }} is null
    union all
    select
        'lead|' || leads.lead_id,
        leads._load_id,
        0,
        cast(null as varchar),
        cast(null as varchar),
        {{ json_text('items.item', '$') }}
    from {{ ref('stg_video_account__leads') }} as leads
    cross join {{ json_items('leads.phone_hmacs', '$') }}

),

-- What reviewers decided of two identifiers. `same` joins them; a later `apart` takes that back, and keeps them apart
-- whatever else would join them (int_run__components). Both are looked at again whenever somebody decides.
decided as (

    select
        'decision|' || left_key || '|' || right_key as record_uid,
        _load_id,
        _row_no,
        left_key as identifier_key
    from {{ ref('stg_identity__decisions') }}
    union all
    select
        'decision|' || left_key || '|' || right_key,
        _load_id,
        _row_no,
        right_key
    from {{ ref('stg_identity__decisions') }}
    where verdict = 'same'
    union all
    select
        'decision|' || right_key || '|' || left_key,
        _load_id,
        _row_no,
        right_key
    from {{ ref('stg_identity__decisions') }}

),

everything as (

    select {{ identity_source_rank('order') }} as source_rank, orders.* from orders
    union all
    select {{ identity_source_rank('gift_receiver') }} as source_rank, gift_receivers.* from gift_receivers
    union all
    {% for channel in file_channels() %}
    {%- set entries = channel.member_source ~ 's' %}
    select {{ identity_source_rank(channel.member_source) }} as source_rank, {{ entries }}.* from {{ entries }}
    union all
    {% endfor -%}
    select {{ identity_source_rank('coupon_use') }} as source_rank, coupon_users.* from coupon_users
    union all
    select {{ identity_source_rank('points_change') }} as source_rank, points_holders.* from points_holders
    union all
    select {{ identity_source_rank('aftersale') }} as source_rank, claimants.* from claimants
    union all
    select {{ identity_source_rank('wecom_contact') }} as source_rank, contacts.* from contacts
    union all
    select {{ identity_source_rank('wecom_group_member') }} as source_rank, group_members.* from group_members
    union all
    select {{ identity_source_rank('official_follower') }} as source_rank, followers.* from followers
    union all
    select {{ identity_source_rank('personal_contact') }} as source_rank, personal_contacts.* from personal_contacts
    union all
    select {{ identity_source_rank('lead') }} as source_rank, leads.* from leads

)

select source_rank, record_uid, _load_id, _row_no, buyer_key as identifier_key from everything where buyer_key is not null
union all
select source_rank, record_uid, _load_id, _row_no, 'unionid:' || unionid from everything where unionid is not null
union all
select source_rank, record_uid, _load_id, _row_no, 'phone_hmac:' || phone_hmac from everything where phone_hmac is not null
union all
select {{ identity_source_rank('decision') }}, record_uid, _load_id, _row_no, identifier_key from decided
