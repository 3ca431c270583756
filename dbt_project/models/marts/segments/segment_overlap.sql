{{ config(meta={'published_as': 'segment_overlap'}) }}

with segments as (

    select distinct
        segment_no,
        segment_code
    from {{ ref('int_segments__steps') }}

),

-- Per standing the segments it is in, then their pairs: standings are few.
inside as (

    select
        standings.standing,
        standings.customer_count,
        standings.customer_count_clean,
        segments.segment_code
    from {{ ref('int_segments__standing_counts') }} as standings
    inner join segments on substr(standings.standing, segments.segment_no, 1) = '0'

),

pairs as (

    select
        one.segment_code,
        other.segment_code as other_segment_code,
        {{ sum_fen('one.customer_count') }} as both_count,
        {{ sum_fen('one.customer_count_clean') }} as both_count_clean
    from inside as one
    inner join inside as other on other.standing = one.standing
    group by one.segment_code, other.segment_code

)

select
    one.segment_code,
    other.segment_code as other_segment_code,
    coalesce(pairs.both_count, 0) as both_count,
    coalesce(pairs.both_count_clean, 0) as both_count_clean,
    case when whole.both_count > 0 then cast(coalesce(pairs.both_count, 0) as double) / whole.both_count end as both_ratio
from segments as one
inner join segments as other on other.segment_code <> one.segment_code
left join pairs on pairs.segment_code = one.segment_code and pairs.other_segment_code = other.segment_code
left join pairs as whole on whole.segment_code = one.segment_code and whole.other_segment_code = one.segment_code
