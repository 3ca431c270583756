-- Money counts as refunded only when the after-sale succeeded; every version is here, the newest one decides.
select
    {{ shop_order_key('order_id') }} as order_key,
    'video_account|' || aftersale_id as refund_key,
    sku_id,
    coalesce({{ shop_openid_key('openid') }}, 'order:' || {{ shop_order_key('order_id') }}) as claimant_key,
    refund_fen,
    sku_count,
    status_code in ('MERCHANT_REFUND_SUCCESS', 'MERCHANT_RETURN_SUCCESS') as is_success,
    completed_at as refunded_at,
    {{ business_date('completed_at') }} as refunded_date,
    _load_id
from {{ ref('stg_video_account__aftersales') }}
where not is_deleted
