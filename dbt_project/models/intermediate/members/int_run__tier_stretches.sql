{{ config(materialized='table') }}

-- Earned tiers and granted ones laid over each other: a grant lifts her while it lasts and changes nothing below it.
with members as (

    select
        customer_id,
        min(decided_day) as entered_day
    from {{ ref('int_run__tier_decisions') }}
    group by customer_id

),

days as (

    select customer_id, decided_day as from_day
    from {{ ref('int_run__tier_decisions') }}
    union
    select members.customer_id, greatest(grants.from_day, members.entered_day)
    from {{ ref('int_run__tier_grants') }} as grants
    inner join members on members.customer_id = grants.customer_id
    where grants.until_day > members.entered_day
    union
    select members.customer_id, grants.until_day
    from {{ ref('int_run__tier_grants') }} as grants
    inner join members on members.customer_id = grants.customer_id
    where grants.until_day > members.entered_day

),

laid_over as (

    select
        days.customer_id,
        days.from_day,
        earned.decided_day,
        earned.reason_no,
        earned.tier_rank as earned_rank,
        max(grants.granted_rank) as granted_rank,
        max(grants.tiers_up) as tiers_up,
        min(grants.grant_reason) as grant_reason
    from days
    inner join {{ ref('int_run__tier_decisions') }} as earned
        on
            earned.customer_id = days.customer_id
            and earned.decided_day <= days.from_day
            and (earned.next_decided_day is null or days.from_day < earned.next_decided_day)
    left join {{ ref('int_run__tier_grants') }} as grants
        on
            grants.customer_id = days.customer_id
            and grants.from_day <= days.from_day
            and days.from_day < grants.until_day
    cross join {{ ref('int_run__clock') }} as clock
    where days.from_day <= clock.as_of_day
    group by days.customer_id, days.from_day, earned.decided_day, earned.reason_no, earned.tier_rank

),

ranked as (

    select
        customer_id,
        from_day,
        decided_day,
        reason_no,
        earned_rank,
        grant_reason,
        greatest(
            earned_rank,
            coalesce(granted_rank, 0),
            least(earned_rank + coalesce(tiers_up, 0), {{ tier_policy() | length }})
        ) as tier_rank
    from laid_over

),

reasoned as (

    select
        customer_id,
        from_day,
        earned_rank,
        tier_rank,
        case when tier_rank > earned_rank then grant_reason end as grant_reason,
        case
            when tier_rank > earned_rank then 'granted'
            when from_day > decided_day then 'grant_ended'
            {%- for code in ['entered', 'upgrade', 'downgrade', 'downgrade_at_review', 'kept_at_review', 'protected'] %}
            when reason_no = {{ loop.index0 }} then '{{ code }}'
            {%- endfor %}
        end as reason_code
    from ranked

),

compared as (

    select
        *,
        lag(reason_code) over (partition by customer_id order by from_day) as reason_before,
        lag(tier_rank) over (partition by customer_id order by from_day) as rank_before,
        lag(grant_reason) over (partition by customer_id order by from_day) as grant_reason_before
    from reasoned

),

-- What happens below a grant shows when the grant ends; one that ends without having lifted her shows not at all.
told as (

    select *
    from compared
    where
        not (
            reason_code = 'granted' and coalesce(reason_before, 'none') = 'granted' and tier_rank = rank_before
            and grant_reason = grant_reason_before
        )
        and not (reason_code = 'grant_ended' and reason_before <> 'granted')

)

select
    customer_id,
    from_day,
    lead(from_day) over (partition by customer_id order by from_day) as until_day,
    tier_rank,
    earned_rank,
    case when tier_rank <> lag(tier_rank, 1, 0) over (partition by customer_id order by from_day) then from_day end
        as risen_or_fallen_day,
    reason_code,
    grant_reason
from told
