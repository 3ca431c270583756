{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__links_before') }}

-- Over which days two identifiers of a component looked at again were joined, as the evening of each day saw it: what
-- was said and corrected on one day leaves no trace. An identifier beside itself: from which day on it was there.
-- -1 stands for "before this run", 99999999 for "still so".
with present as {{ materialized_here() }} (

    select
        components.identifier_no,
        components.component_no,
        identifiers.first_load_no
    from {{ ref('int_run__components') }} as components
    inner join {{ ref('int_identity__identifiers') }} as identifiers
        on identifiers.identifier_no = components.identifier_no

),

load_days as (

    select
        load_no,
        {{ day_number(business_date(instant_of_load_number('load_no'))) }} as day_no
    from (
        select load_no from {{ ref('int_run__record_identifiers') }}
        union
        select superseded_load_no from {{ ref('int_run__record_identifiers') }} where superseded_load_no is not null
        union
        select first_load_no from present
    ) as loads

),

{%- if not run_state().is_rebuild %}
seen_anew as (

    select
        record_uid,
        min(load_no) as load_no
    from {{ ref('int_run__record_identifiers') }}
    group by record_uid

),
{%- endif %}

said as (

    select
        links.source_rank,
        links.identifier_no,
        links.hub_no,
        from_days.day_no as from_day,
        99999999 as until_day
    from {{ ref('int_identity__links') }} as links
    inner join load_days as from_days on from_days.load_no = links.load_no
    where {{ is_new_load_number('links.load_no') }}
    union all
    select
        links.source_rank,
        links.identifier_no,
        links.hub_no,
        from_days.day_no as from_day,
        until_days.day_no as until_day
    from {{ ref('int_run__superseded_links') }} as links
    inner join load_days as from_days on from_days.load_no = links.load_no
    inner join load_days as until_days on until_days.load_no = links.superseded_load_no
    {%- if not run_state().is_rebuild %}
    union all
    select
        links.source_rank,
        links.identifier_no,
        links.hub_no,
        -1 as from_day,
        load_days.day_no as until_day
    from {{ ref('int_run__links_before') }} as links
    inner join seen_anew on seen_anew.record_uid = links.record_uid
    inner join load_days on load_days.load_no = seen_anew.load_no
    union all
    select
        source_rank,
        identifier_no,
        hub_no,
        -1,
        99999999
    from {{ ref('int_identity__links') }}
    where
        not ({{ is_new_load_number('load_no') }})
        and identifier_no in (
            select identifier_no from present
            union all
            select identifier_no from {{ ref('int_run__limits_in_doubt') }}
        )
    {%- endif %}

),

spans as {{ materialized_here() }} (

    select * from said where hub_no <> identifier_no and from_day < until_day

),

-- When did a value in doubt stand beside how many people? First each pair's comings and goings, whatever record says it …
doubtful_spans as (

    select
        spans.identifier_no,
        spans.hub_no,
        spans.from_day,
        spans.until_day
    from spans
    inner join {{ ref('int_run__limits_in_doubt') }} as in_doubt on in_doubt.identifier_no = spans.identifier_no
    inner join {{ ref('int_identity__identifiers') }} as hubs on hubs.identifier_no = spans.hub_no
    inner join {{ ref('int_identity__type_policy') }} as hub_types
        on hub_types.identifier_type = hubs.identifier_type and hub_types.is_person

),

pair_steps as (

    select
        identifier_no,
        hub_no,
        day_no,
        sum(sum(step)) over (partition by identifier_no, hub_no order by day_no) as record_count,
        sum(step) as step
    from (
        select identifier_no, hub_no, from_day as day_no, 1 as step from doubtful_spans
        union all
        select identifier_no, hub_no, until_day, -1 from doubtful_spans
    ) as steps
    group by identifier_no, hub_no, day_no

),

-- … then how many pairs there are on each day.
counted as (

    select
        pair_steps.identifier_no,
        pair_steps.day_no,
        sum(sum(
            case when record_count > 0 then 1 else 0 end - case when record_count - step > 0 then 1 else 0 end
        )) over (partition by pair_steps.identifier_no order by pair_steps.day_no) as companion_count
    from pair_steps
    group by pair_steps.identifier_no, pair_steps.day_no
    union all
    select
        identifier_no,
        -2,
        0
    from {{ ref('int_run__limits_in_doubt') }}

),

free_spans as (

    select
        changes.identifier_no,
        changes.is_free,
        changes.day_no as from_day,
        coalesce(lead(changes.day_no) over (partition by changes.identifier_no order by changes.day_no), 99999999) as until_day
    from (
        select
            counted.identifier_no,
            counted.day_no,
            counted.companion_count <= in_doubt.most_beside as is_free,
            lag(counted.companion_count <= in_doubt.most_beside) over (
                partition by counted.identifier_no order by counted.day_no
            ) as was_free
        from counted
        inner join {{ ref('int_run__limits_in_doubt') }} as in_doubt on in_doubt.identifier_no = counted.identifier_no
    ) as changes
    where changes.was_free is null or changes.was_free <> changes.is_free

),

-- Who joins nobody all the while.
limited as (

    select identifier_no
    from {{ ref('int_identity__limited') }}
    where identifier_no not in (select identifier_no from {{ ref('int_run__limits_in_doubt') }})

),

effective as (

    select
        spans.source_rank,
        spans.identifier_no,
        spans.hub_no,
        greatest(spans.from_day, coalesce(free.from_day, -1), coalesce(free_hubs.from_day, -1)) as from_day,
        least(spans.until_day, coalesce(free.until_day, 99999999), coalesce(free_hubs.until_day, 99999999)) as until_day
    from spans
    left join free_spans as free on free.identifier_no = spans.identifier_no
    left join free_spans as free_hubs on free_hubs.identifier_no = spans.hub_no
    where
        coalesce(free.is_free, true) and coalesce(free_hubs.is_free, true)
        and spans.identifier_no not in (select identifier_no from limited)
        and spans.hub_no not in (select identifier_no from limited)

)

select
    effective.source_rank,
    effective.identifier_no,
    effective.hub_no,
    components.component_no,
    hub_components.component_no as hub_component_no,
    effective.from_day,
    effective.until_day
from effective
inner join present as components on components.identifier_no = effective.identifier_no
inner join present as hub_components on hub_components.identifier_no = effective.hub_no
where effective.from_day < effective.until_day
union all
select
    cast(null as bigint) as source_rank,
    present.identifier_no,
    present.identifier_no as hub_no,
    present.component_no,
    present.component_no as hub_component_no,
    -- The previous run's day may have gone on: who came on it is a newcomer of this run's, too.
    case when load_days.day_no >= {{ first_open_day() }} then load_days.day_no else -1 end as from_day,
    99999999 as until_day
from present
inner join load_days on load_days.load_no = present.first_load_no
