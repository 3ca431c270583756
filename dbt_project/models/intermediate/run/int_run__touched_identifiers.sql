{{ config(materialized='table') }}

-- Identifiers whose component may differ from the previous run's: new ones, those of records that were loaded since
-- (as they stand now and as they stood before), and the neighbours of a value that began or ceased to join nobody.
with changed_limits as (

    select coalesce(limited.identifier_no, limited_before.identifier_no) as identifier_no
    from {{ ref('int_identity__limited') }} as limited
    full outer join {{ ref('int_run__limited_before') }} as limited_before
        on limited_before.identifier_no = limited.identifier_no
    where limited.identifier_no is null or limited_before.identifier_no is null

),

changed_records as (

    select distinct links.record_uid
    from {{ ref('int_identity__links') }} as links
    inner join changed_limits on changed_limits.identifier_no = links.identifier_no

)

select identifier_no
from {{ ref('int_run__links_before') }}
union
select links.identifier_no
from {{ ref('int_identity__links') }} as links
where links.record_uid in (select record_uid from {{ ref('int_run__record_identifiers') }})
union
select links.identifier_no
from {{ ref('int_identity__links') }} as links
inner join changed_records on changed_records.record_uid = links.record_uid
union
select identifier_no
from {{ ref('int_identity__identifiers') }}
where {{ is_new_load('first_load_id') }}
