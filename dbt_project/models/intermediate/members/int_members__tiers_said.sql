{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail', full_refresh=false,
    pre_hook="{{ forget_said_of_touched() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with clock as (

    select
        as_of,
        {{ evening_before() }} as last_evening
    from {{ ref('int_run__clock') }}

),

before as (

    select before.*
    from {{ ref('int_run__tiers_said_before') }} as before
    cross join clock
    where before.said_from <= clock.last_evening and (before.said_to is null or before.said_to > clock.last_evening)

),

now_said as (

    select
        stretches.customer_id,
        {{ date_of_day_number('stretches.from_day') }} as valid_from,
        policy.tier_code
    from {{ ref('int_run__tier_stretches') }} as stretches
    inner join {{ ref('int_members__tier_policy') }} as policy on policy.tier_rank = stretches.tier_rank
    where stretches.risen_or_fallen_day is not null

),

no_longer_said as (

    select before.*
    from {{ ref('int_run__tiers_said_before') }} as before
    cross join clock
    where before.said_to <= clock.last_evening

),

said as (

    select
        customer_id,
        valid_from,
        tier_code,
        said_from,
        said_to
    from no_longer_said
    union all
    select
        coalesce(before.customer_id, now_said.customer_id),
        coalesce(before.valid_from, now_said.valid_from),
        coalesce(before.tier_code, now_said.tier_code),
        coalesce(before.said_from, clock.as_of),
        case when now_said.customer_id is null then clock.as_of end
    from before
    full outer join now_said
        on
            now_said.customer_id = before.customer_id
            and now_said.valid_from = before.valid_from
            and now_said.tier_code = before.tier_code
    cross join clock

)

select
    customer_id,
    valid_from,
    tier_code,
    said_from,
    said_to
from said
where {{ 'true' if is_newest_evening() else 'false' }}
