{{ config(materialized='table') }}

-- Customers who entered on one day under the same circumstances count together from here on.
select
    cell_uid,
    cohort_kind,
    cohort_date,
    channel_code,
    order_source,
    live_id,
    category,
    entrance_code,
    bait_code,
    userid,
    is_noise,
    cast(count(*) as bigint) as customer_count
from {{ ref('int_members__cohort_members') }}
group by
    cell_uid, cohort_kind, cohort_date, channel_code, order_source, live_id, category, entrance_code, bait_code, userid,
    is_noise
