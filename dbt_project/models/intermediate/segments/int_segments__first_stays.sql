{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}"
) }}

-- Who was meant to be treated and who was held out is compared whatever was sent, and once a customer: later stays are
-- already an effect of what happened in the first. Whom another segment of the group treats that day is in no arm.
with stays as (

    select
        history.customer_id,
        history.segment_code,
        history.entered_date,
        history.left_date,
        greatest(history.entered_date, draws.measured_from) as start_date,
        draws.treatment_group,
        draws.priority,
        draws.holdout_buckets,
        {{ draw_bucket('holdout', 'draws.salt', 'history.customer_id') }} as holdout_bucket,
        {{ draw_bucket('variant', 'draws.salt', 'history.customer_id') }} as variant_bucket
    from {{ ref('segment_history') }} as history
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = history.customer_id
    inner join {{ ref('int_segments__draws') }} as draws on draws.segment_code = history.segment_code

),

firsts as (

    select
        *,
        row_number() over (partition by customer_id, segment_code order by entered_date) as stay_no
    from stays
    where left_date is null or left_date > start_date

),

outranked as (

    select distinct
        firsts.customer_id,
        firsts.segment_code
    from firsts
    inner join stays as others
        on others.customer_id = firsts.customer_id and others.treatment_group = firsts.treatment_group
    where firsts.stay_no = 1
        and (others.priority < firsts.priority
            or (others.priority = firsts.priority and others.segment_code < firsts.segment_code))
        and others.entered_date <= firsts.start_date
        and (others.left_date is null or others.left_date > firsts.start_date)

),

bought as (

    select
        firsts.customer_id,
        firsts.segment_code,
        {%- for days in lift_days() %}
        {{ sum_fen('case when ' ~ dbt.datediff('firsts.start_date', 'purchases.purchase_date', 'day') ~ ' <= ' ~ days ~ ' then purchases.order_count end') }}
            as order_{{ days }}d_count,
        {{ sum_fen('case when ' ~ dbt.datediff('firsts.start_date', 'purchases.purchase_date', 'day') ~ ' <= ' ~ days ~ ' then purchases.net_fen end') }}
            as net_{{ days }}d_fen{{ ',' if not loop.last }}
        {%- endfor %}
    from firsts
    inner join {{ ref('int_members__purchase_days') }} as purchases on purchases.customer_id = firsts.customer_id
    where firsts.stay_no = 1 and purchases.purchase_date > firsts.start_date
    group by firsts.customer_id, firsts.segment_code

)

select
    firsts.customer_id,
    firsts.segment_code,
    firsts.start_date,
    firsts.holdout_bucket < firsts.holdout_buckets as is_holdout,
    variants.variant_code,
    {%- for days in lift_days() %}
    coalesce(bought.order_{{ days }}d_count, 0) as order_{{ days }}d_count,
    coalesce(bought.net_{{ days }}d_fen, 0) as net_{{ days }}d_fen{{ ',' if not loop.last }}
    {%- endfor %}
from firsts
left join outranked
    on outranked.customer_id = firsts.customer_id and outranked.segment_code = firsts.segment_code
left join bought on bought.customer_id = firsts.customer_id and bought.segment_code = firsts.segment_code
left join {{ ref('int_segments__variants') }} as variants
    on variants.segment_code = firsts.segment_code
        and firsts.variant_bucket >= variants.first_bucket
        and firsts.variant_bucket < variants.end_bucket
where firsts.stay_no = 1 and outranked.customer_id is null
