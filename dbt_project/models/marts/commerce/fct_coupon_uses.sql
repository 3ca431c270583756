{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'coupon_uses'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with uses as (

    select
        coupon_uses.*,
        buyer_source || '|' || coupon_use_id as coupon_use_key
    from {{ ref('stg_miniprogram__coupon_uses') }} as coupon_uses

),

newest as (

    {{ latest_version('uses', 'coupon_use_key', '_row_no desc') }}

)

select
    newest.coupon_use_key,
    newest.coupon_id,
    newest.campaign_id,
    identifiers.customer_id,
    {{ business_date('newest.used_at') }} as used_date,
    newest.used_at
from newest
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ buyer_key('newest.buyer_source', 'newest.buyer_id') }}
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('newest.used_at') }} <= clock.as_of
