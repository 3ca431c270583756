-- Over which days reviewers kept two identifiers apart, both ends of each pair.
with load_days as (

    select
        _load_id,
        {{ day_number(business_date(load_instant('_load_id'))) }} as day_no
    from (select distinct _load_id from {{ ref('stg_identity__decisions') }}) as loads

),

-- The last verdict of each day.
ranked as (

    select
        decisions.left_key,
        decisions.right_key,
        decisions.verdict,
        load_days.day_no,
        row_number() over (
            partition by decisions.left_key, decisions.right_key, load_days.day_no
            order by decisions._load_id desc, decisions._row_no desc
        ) as rank_in_day
    from {{ ref('stg_identity__decisions') }} as decisions
    inner join load_days on load_days._load_id = decisions._load_id

),

verdicts as (

    select
        left_key,
        right_key,
        verdict,
        day_no as from_day,
        coalesce(lead(day_no) over (partition by left_key, right_key order by day_no), 99999999) as until_day,
        dense_rank() over (order by left_key asc, right_key asc) as pair_no
    from ranked
    where rank_in_day = 1

),

ends as (

    select
        pair_no,
        left_key as identifier_key,
        from_day,
        until_day
    from verdicts
    where verdict = 'apart'
    union all
    select
        pair_no,
        right_key,
        from_day,
        until_day
    from verdicts
    where verdict = 'apart'

)

select
    ends.pair_no,
    identifiers.identifier_no,
    ends.from_day,
    ends.until_day
from ends
inner join {{ ref('int_identity__identifiers') }} as identifiers
    on identifiers.identifier_uid = {{ digest('ends.identifier_key') }}
