{{ config(materialized='table') }}

-- Many customers stand alike: whatever is counted over all segments is counted over these few rows.
with noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

)

select
    standings.standing,
    cast(count(*) as bigint) as customer_count,
    {{ sum_fen('case when noise.customer_id is null then 1 else 0 end') }} as customer_count_clean
from {{ ref('int_segments__standings') }} as standings
left join noise on noise.customer_id = standings.customer_id
group by standings.standing
