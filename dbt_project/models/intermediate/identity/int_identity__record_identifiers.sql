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
    union all
    select
        {{ miniprogram_order_key('order_id', 'buyer_source') }},
        _load_id,
        _row_no,
        coalesce('openid:' || app_id || ':' || openid, cast(null as varchar)),
        unionid,
        phone_hmac
    from {{ ref('stg_miniprogram__orders') }}
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

members as (

    select
        'member|' || buyer_source || '|' || buyer_id as record_uid,
        _load_id,
        _row_no,
        {{ buyer_key('buyer_source', 'buyer_id') }} as buyer_key,
        unionid,
        phone_hmac
    from {{ ref('stg_miniprogram__members') }}
    union all
    select
        'member|' || buyer_source || '|' || buyer_id,
        _load_id,
        _row_no,
        'openid:' || app_id || ':' || openid,
        cast(null as varchar),
        cast(null as varchar)
    from {{ ref('stg_miniprogram__members') }}

),

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
    select {{ identity_source_rank('member') }} as source_rank, members.* from members
    union all
    select {{ identity_source_rank('coupon_use') }} as source_rank, coupon_users.* from coupon_users
    union all
    select {{ identity_source_rank('aftersale') }} as source_rank, claimants.* from claimants
    union all
    select {{ identity_source_rank('wecom_contact') }} as source_rank, contacts.* from contacts
    union all
    select {{ identity_source_rank('wecom_group_member') }} as source_rank, group_members.* from group_members

)

select source_rank, record_uid, _load_id, _row_no, buyer_key as identifier_key from everything where buyer_key is not null
union all
select source_rank, record_uid, _load_id, _row_no, 'unionid:' || unionid from everything where unionid is not null
union all
select source_rank, record_uid, _load_id, _row_no, 'phone_hmac:' || phone_hmac from everything where phone_hmac is not null
union all
select {{ identity_source_rank('decision') }}, record_uid, _load_id, _row_no, identifier_key from decided
