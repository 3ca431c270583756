{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'member_tiers'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with since as (

    select
        customer_id,
        max(risen_or_fallen_day) as since_day
    from {{ ref('int_run__tier_stretches') }}
    group by customer_id

),

-- The newest day of the past says where she stands; the first day to come, when time alone may change that.
spend as (

    select
        spend.customer_id,
        max(case when spend.change_day <= clock.as_of_day then spend.change_day end) as newest_day,
        min(case when spend.change_day > clock.as_of_day then spend.change_day end) as next_exit_day
    from {{ ref('int_run__tier_spend') }} as spend
    cross join {{ ref('int_run__clock') }} as clock
    group by spend.customer_id

),

grants as (

    select
        grants.customer_id,
        min(case when grants.from_day > clock.as_of_day then grants.from_day else grants.until_day end) as next_grant_day
    from {{ ref('int_run__tier_grants') }} as grants
    cross join {{ ref('int_run__clock') }} as clock
    where grants.until_day > clock.as_of_day
    group by grants.customer_id

),

decided as (

    select
        customer_id,
        review_day,
        protected_until_day
    from {{ ref('int_run__tier_decisions') }}
    where next_decided_day is null

),

standing as (

    select
        stretches.customer_id,
        stretches.tier_rank,
        stretches.earned_rank,
        stretches.reason_code,
        since.since_day,
        newest.spend_fen,
        decided.review_day,
        case when decided.protected_until_day > clock.as_of_day then decided.protected_until_day end
            as protected_until_day,
        spend.next_exit_day,
        grants.next_grant_day
    from {{ ref('int_run__tier_stretches') }} as stretches
    inner join since on since.customer_id = stretches.customer_id
    inner join decided on decided.customer_id = stretches.customer_id
    inner join spend on spend.customer_id = stretches.customer_id
    inner join {{ ref('int_run__tier_spend') }} as newest
        on newest.customer_id = spend.customer_id and newest.change_day = spend.newest_day
    left join grants on grants.customer_id = stretches.customer_id
    cross join {{ ref('int_run__clock') }} as clock
    where stretches.until_day is null

)

select
    standing.customer_id,
    policy.tier_code,
    policy.tier_name_zh,
    policy.tier_rank,
    earned.tier_code as earned_tier_code,
    standing.reason_code,
    standing.spend_fen,
    next_policy.tier_code as next_tier_code,
    next_policy.min_spend_fen - standing.spend_fen as fen_to_next_tier,
    {{ date_of_day_number('standing.since_day') }} as tier_since_date,
    {{ date_of_day_number('standing.review_day') }} as next_review_date,
    {{ date_of_day_number('standing.protected_until_day') }} as protected_until_date,
    {{ date_of_day_number(
        'nullif(least(coalesce(standing.review_day, 99999999), coalesce(standing.protected_until_day, 99999999), '
        ~ 'coalesce(standing.next_exit_day, 99999999), coalesce(standing.next_grant_day, 99999999)), 99999999)'
    ) }} as next_check_date
from standing
inner join {{ ref('int_members__tier_policy') }} as policy on policy.tier_rank = standing.tier_rank
inner join {{ ref('int_members__tier_policy') }} as earned on earned.tier_rank = standing.earned_rank
left join {{ ref('int_members__tier_policy') }} as next_policy on next_policy.tier_rank = standing.tier_rank + 1
