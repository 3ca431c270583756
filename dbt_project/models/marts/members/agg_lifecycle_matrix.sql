{{ config(meta={'published_as': 'lifecycle_matrix'}) }}

with recency as (
    {{ lifecycle_bands('recency_days') }}
),

frequency as (
    {{ lifecycle_bands('frequency') }}
),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

),

buyers as (

    select
        rfm.recency_days,
        rfm.frequency,
        rfm.monetary_fen,
        noise.customer_id is not null as is_noise
    from {{ ref('agg_customer_rfm') }} as rfm
    left join noise on noise.customer_id = rfm.customer_id

),

counted as (

    select
        recency.band as recency_band,
        frequency.band as frequency_band,
        {{ raw_and_clean('customer_count', 'true') }},
        {{ raw_and_clean('monetary_fen', 'true', 'buyers.monetary_fen') }}
    from buyers
    inner join recency
        on buyers.recency_days >= recency.least and (recency.most is null or buyers.recency_days <= recency.most)
    inner join frequency
        on buyers.frequency >= frequency.least and (frequency.most is null or buyers.frequency <= frequency.most)
    group by recency.band, frequency.band

),

staged as (

    select
        recency.band as recency_band,
        recency.least as recency_from_days,
        recency.most as recency_to_days,
        frequency.band as frequency_band,
        frequency.least as order_count_from,
        frequency.most as order_count_to,
        case
            when recency.band = recency.band_count then 'lost'
            when recency.band > 1 then 'dormant'
            when frequency.band = 1 then 'introduced'
            when frequency.band = frequency.band_count then 'mature'
            else 'growing'
        end as stage_code
    from recency
    cross join frequency

)

select
    staged.recency_band,
    staged.recency_from_days,
    staged.recency_to_days,
    staged.frequency_band,
    staged.order_count_from,
    staged.order_count_to,
    staged.stage_code,
    case staged.stage_code
        when 'introduced' then '引入期'
        when 'growing' then '成长期'
        when 'mature' then '成熟期'
        when 'dormant' then '休眠期'
        else '流失期'
    end as stage_name_zh,
    coalesce(counted.customer_count, 0) as customer_count,
    coalesce(counted.customer_count_clean, 0) as customer_count_clean,
    coalesce(counted.monetary_fen, 0) as monetary_fen,
    coalesce(counted.monetary_fen_clean, 0) as monetary_fen_clean
from staged
left join counted
    on counted.recency_band = staged.recency_band and counted.frequency_band = staged.frequency_band
