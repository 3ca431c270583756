{{ config(meta={'published_as': 'segment_lift'}) }}

-- Sums and sums of squares add up over days: the effect as of any day is those of the days that lie far enough behind it.
with counted as (

    select
        stays.segment_code,
        stays.is_holdout,
        stays.variant_code,
        stays.start_date,
        {%- for days in lift_days() %}
        {{ dbt.datediff('stays.start_date', 'clock.as_of', 'day') }} >= {{ days }} as is_over_{{ days }}d,
        {%- for code, value in lift_metrics(days).items() %}
        {{ sum_fen(value) }} as {{ code }}_{{ days }}d_sum,
        sum({{ wide_number(value) }} * {{ wide_number(value) }}) as {{ code }}_{{ days }}d_squares,
        {%- endfor %}
        {%- endfor %}
        cast(count(*) as bigint) as member_count
    from {{ ref('int_segments__first_stays') }} as stays
    cross join {{ ref('int_run__clock') }} as clock
    group by stays.segment_code, stays.is_holdout, stays.variant_code, stays.start_date, clock.as_of

),

arms as (

    select *, 'assignment' as arm_kind, case when is_holdout then 'holdout' else 'treated' end as arm_code from counted
    union all
    select *, 'variant' as arm_kind, variant_code as arm_code from counted where not is_holdout and variant_code is not null

),

measured as (
    {% for days in lift_days() %}
    {%- set outer = loop %}
    {%- for code in lift_metrics(days) %}
    {{ 'union all' if not (outer.first and loop.first) }}
    select
        segment_code,
        arm_kind,
        arm_code,
        '{{ code }}' as metric_code,
        cast({{ days }} as bigint) as within_days,
        start_date,
        member_count,
        {{ code }}_{{ days }}d_sum as value_sum,
        {{ code }}_{{ days }}d_squares as value_square_sum
    from arms
    where is_over_{{ days }}d
    {%- endfor %}
    {%- endfor %}

)

select
    measured.segment_code,
    measured.arm_kind,
    measured.arm_code,
    case
        when measured.arm_kind = 'variant'
            then cast(variants.end_bucket - variants.first_bucket as double) / 10000
        when measured.arm_code = 'holdout' then cast(draws.holdout_buckets as double) / 10000
        else 1 - cast(draws.holdout_buckets as double) / 10000
    end as drawn_ratio,
    measured.metric_code,
    measured.within_days,
    measured.start_date,
    {{ sum_fen('measured.member_count') }} as member_count,
    {{ sum_fen('measured.value_sum') }} as value_sum,
    cast(sum(measured.value_square_sum) as double) as value_square_sum
from measured
inner join {{ ref('int_segments__draws') }} as draws on draws.segment_code = measured.segment_code
left join {{ ref('int_segments__variants') }} as variants
    on variants.segment_code = case when measured.arm_kind = 'variant' then measured.segment_code end
        and variants.variant_code = measured.arm_code
group by
    measured.segment_code, measured.arm_kind, measured.arm_code, draws.holdout_buckets, variants.end_bucket,
    variants.first_bucket, measured.metric_code, measured.within_days, measured.start_date
