{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'tier_history'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

select
    stretches.customer_id,
    policy.tier_code,
    policy.tier_name_zh,
    policy.tier_rank,
    {{ date_of_day_number('stretches.from_day') }} as valid_from,
    {{ date_of_day_number('stretches.until_day') }} as valid_to,
    stretches.reason_code,
    {{ tier_reason_zh('stretches.reason_code') }} as reason_zh,
    stretches.grant_reason,
    spend.spend_fen
from {{ ref('int_run__tier_stretches') }} as stretches
inner join {{ ref('int_members__tier_policy') }} as policy on policy.tier_rank = stretches.tier_rank
inner join {{ ref('int_run__tier_spend') }} as spend
    on
        spend.customer_id = stretches.customer_id
        and spend.change_day <= stretches.from_day
        and (spend.next_change_day is null or stretches.from_day < spend.next_change_day)
