{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'member_tiers'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Cumulative net spend against the policy in vars.member_tiers; since when: the last day the tier changed.
with tiered as (

    select
        customer_id,
        change_day,
        net_fen as spend_fen,
        {{ tier_rank('net_fen') }} as tier_rank,
        lag({{ tier_rank('net_fen') }}) over (partition by customer_id order by change_day) as tier_rank_before,
        is_newest
    from {{ ref('int_run__timeline') }}

),

since as (

    select
        customer_id,
        max(case when tier_rank is distinct from tier_rank_before then change_day end) as since_day
    from tiered
    group by customer_id

)

select
    tiered.customer_id,
    policy.tier_code,
    policy.tier_name_zh,
    policy.tier_rank,
    tiered.spend_fen,
    next_policy.tier_code as next_tier_code,
    next_policy.min_spend_fen - tiered.spend_fen as fen_to_next_tier,
    {{ date_of_day_number('since.since_day') }} as tier_since_date
from tiered
inner join since on since.customer_id = tiered.customer_id
inner join {{ ref('int_members__tier_policy') }} as policy on policy.tier_rank = tiered.tier_rank
left join {{ ref('int_members__tier_policy') }} as next_policy on next_policy.tier_rank = tiered.tier_rank + 1
where tiered.is_newest
