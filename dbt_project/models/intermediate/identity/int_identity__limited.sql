{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_recounted_identifiers() }}"
) }}
-- depends_on: {{ ref('int_run__links_before') }}

-- A value that stands beside too many others (the phone of a store's tablet) joins nobody: the brake.
with candidates as (

    select identifier_no
    from {{ ref('int_identity__links') }}
    where {{ is_new_load_number('load_no') }}
    union
    select identifier_no
    from {{ ref('int_run__links_before') }}

),

limited_types as (

    select
        identifiers.identifier_no,
        types.most_beside
    from {{ ref('int_identity__identifiers') }} as identifiers
    inner join {{ ref('int_identity__type_policy') }} as types
        on types.identifier_type = identifiers.identifier_type and types.most_beside is not null
    where identifiers.identifier_no in (select identifier_no from candidates)

),

-- Hubs are counted, which are people as far as a record knows: a member of a family has several identifiers beside
-- the family's phone, and is one.
crowded as (

    select
        links.identifier_no,
        limited_types.most_beside
    from limited_types
    inner join {{ ref('int_identity__links') }} as links on links.identifier_no = limited_types.identifier_no
    where links.hub_no <> links.identifier_no
    group by links.identifier_no, limited_types.most_beside
    having count(distinct links.hub_no) > limited_types.most_beside

)

-- An order by phone alone is its own hub and nobody: whoever orders so six times is not six people. Few values are
-- crowded, so that only for them it is looked up who stands there.
select
    links.identifier_no,
    count(distinct links.hub_no) as companion_count
from crowded
inner join {{ ref('int_identity__links') }} as links on links.identifier_no = crowded.identifier_no
inner join {{ ref('int_identity__identifiers') }} as hubs on hubs.identifier_no = links.hub_no
inner join {{ ref('int_identity__type_policy') }} as hub_types
    on hub_types.identifier_type = hubs.identifier_type and hub_types.is_person
where links.hub_no <> links.identifier_no
group by links.identifier_no, crowded.most_beside
having count(distinct links.hub_no) > crowded.most_beside
