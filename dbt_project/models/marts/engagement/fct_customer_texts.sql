{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'customer_texts'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with orders as (

    {{ latest_version(ref('stg_video_account__shop_orders'), 'order_id', 'order_id asc') }}

),

aftersales as (

    {{ latest_version(ref('stg_video_account__aftersales'), 'aftersale_id', 'aftersale_id asc') }}

),

messages as (

    {{ latest_version(ref('stg_official_account__messages'), 'message_id', 'message_id asc') }}

),

texts as (

    select
        'official_message|' || messages.message_id as text_key,
        identifiers.customer_id,
        'official_account' as channel_code,
        'official_message' as source_code,
        messages.question_codes,
        messages.sent_at as written_at,
        {{ business_date('messages.sent_at') }} as written_date
    from messages
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = {{ official_openid_key('messages.openid') }}
    union all
    select
        'order_note|' || orders.order_id,
        fct_orders.customer_id,
        'video_account',
        'order_note',
        orders.question_codes,
        fct_orders.ordered_at,
        fct_orders.ordered_date
    from orders
    inner join {{ ref('fct_orders') }} as fct_orders on fct_orders.order_key = {{ shop_order_key('orders.order_id') }}
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = fct_orders.customer_id
    where orders.question_codes is not null
    union all
    select
        'aftersale|' || aftersales.aftersale_id,
        identifiers.customer_id,
        'video_account',
        'aftersale',
        aftersales.question_codes,
        aftersales.created_at,
        {{ business_date('aftersales.created_at') }}
    from aftersales
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = {{ shop_openid_key('aftersales.openid') }}
    where aftersales.question_codes is not null and not aftersales.is_deleted

)

select
    texts.text_key,
    texts.customer_id,
    texts.channel_code,
    texts.source_code,
    texts.question_codes,
    texts.written_date,
    texts.written_at
from texts
cross join {{ ref('int_run__clock') }} as clock
where texts.written_date <= clock.as_of
