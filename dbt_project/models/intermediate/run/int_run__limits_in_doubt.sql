{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__links_before') }}

-- Values whose limit may have begun or ceased to bind at one of this run's loads: beside more than allowed when all that
-- was ever said is counted, and beside no more than allowed when only what did not change is.
with changed as (

    select
        identifier_no,
        hub_no
    from {{ ref('int_run__links_before') }}
    union all
    select
        identifier_no,
        hub_no
    from {{ ref('int_run__superseded_links') }}
    union all
    select
        identifier_no,
        hub_no
    from {{ ref('int_identity__links') }}
    where {{ is_new_load_number('load_no') }}

),

limited_types as (

    select
        identifiers.identifier_no,
        types.most_beside
    from {{ ref('int_identity__identifiers') }} as identifiers
    inner join {{ ref('int_identity__type_policy') }} as types
        on types.identifier_type = identifiers.identifier_type and types.most_beside is not null
    where identifiers.identifier_no in (select identifier_no from changed)

),

said as (

    select
        identifier_no,
        hub_no,
        false as is_steady
    from changed
    {%- if not run_state().is_rebuild %}
    union all
    select
        identifier_no,
        hub_no,
        true
    from {{ ref('int_identity__links') }}
    where not ({{ is_new_load_number('load_no') }}) and identifier_no in (select identifier_no from limited_types)
    {%- endif %}

),

crowded as (

    select
        limited_types.identifier_no,
        limited_types.most_beside
    from limited_types
    inner join said on said.identifier_no = limited_types.identifier_no and said.hub_no <> said.identifier_no
    group by limited_types.identifier_no, limited_types.most_beside
    having count(distinct said.hub_no) > limited_types.most_beside

)

-- As in int_identity__limited, people are counted; few values are crowded, so only for them it is looked up who they are.
select
    crowded.identifier_no,
    crowded.most_beside
from crowded
inner join said on said.identifier_no = crowded.identifier_no and said.hub_no <> said.identifier_no
inner join {{ ref('int_identity__identifiers') }} as hubs on hubs.identifier_no = said.hub_no
inner join {{ ref('int_identity__type_policy') }} as hub_types
    on hub_types.identifier_type = hubs.identifier_type and hub_types.is_person
group by crowded.identifier_no, crowded.most_beside
having
    count(distinct said.hub_no) > crowded.most_beside
    and count(distinct case when said.is_steady then said.hub_no end) <= crowded.most_beside
