{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'touches'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Groups that a message went to are no customers, and who never was a contact as far as we know is none either.
-- Whom it reached is part of a delivery's key, so that only those of touched customers need be looked at.
with versions as (

    select
        sends.*,
        identifiers.customer_id
    from {{ ref('stg_wecom__sends') }} as sends
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || sends.external_userid

),

sends as (

    {{ latest_version('versions', 'touch_key', 'touch_key asc') }}

),

outgoing as (

    {{ latest_version(ref('stg_wecom__outgoing'), 'touch_code, outgoing_id', 'outgoing_id asc') }}

),

touches as (

    select
        sends.touch_key,
        sends.customer_id,
        sends.touch_code,
        sends.outgoing_id,
        sends.userid,
        sends.external_userid,
        case
            when sends.touch_code = 'moment' then 'visible'
            when sends.status_code = 0 then 'not_sent'
            when sends.status_code = 1 then 'sent'
            when sends.status_code = 2 then 'no_friend'
            when sends.status_code = 3 then 'over_limit'
            else 'other_' || coalesce(cast(sends.status_code as varchar), 'unknown')
        end as status,
        coalesce(sends.sent_at, outgoing.created_at) as sent_at
    from sends
    left join outgoing
        on outgoing.touch_code = sends.touch_code and outgoing.outgoing_id = sends.outgoing_id

)

select
    -- ids
    touches.touch_key,
    touches.customer_id,
    touches.userid,
    touches.external_userid,
    touches.outgoing_id,

    -- strings
    touches.touch_code,
    touches.status,

    -- booleans
    touches.status in ('sent', 'visible') as is_delivered,

    -- dates
    {{ business_date('touches.sent_at') }} as sent_date,

    -- timestamps
    touches.sent_at
from touches
cross join {{ ref('int_run__clock') }} as clock
where {{ business_date('touches.sent_at') }} <= clock.as_of
