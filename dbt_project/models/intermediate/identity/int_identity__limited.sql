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

)

-- Hubs are counted, which are people as far as a record knows: a member of a family has several identifiers beside
-- the family's phone, and is one.
select
    links.identifier_no,
    count(distinct links.hub_no) as companion_count
from limited_types
inner join {{ ref('int_identity__links') }} as links on links.identifier_no = limited_types.identifier_no
where links.hub_no <> links.identifier_no
group by links.identifier_no, limited_types.most_beside
having count(distinct links.hub_no) > limited_types.most_beside
