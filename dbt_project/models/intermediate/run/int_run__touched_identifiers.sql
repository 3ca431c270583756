{{ config(materialized='table') }}
-- depends_on: {{ ref('int_identity__limited') }}
-- depends_on: {{ ref('int_run__limited_before') }}
-- depends_on: {{ ref('int_run__links_before') }}
-- depends_on: {{ ref('int_identity__links') }}

-- Identifiers whose component may differ from the previous run's: new ones, those of records that were loaded since
-- (as they stand now and as they stood before), and the neighbours of a value that began or ceased to join nobody.
{% if run_state().is_rebuild -%}
select identifier_no
from {{ ref('int_identity__identifiers') }}
{%- else -%}
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
select identifier_no
from {{ ref('int_identity__links') }}
where {{ is_new_load_number('load_no') }}
union
select links.identifier_no
from {{ ref('int_identity__links') }} as links
inner join changed_records on changed_records.record_uid = links.record_uid
union
select identifier_no
from {{ ref('int_identity__identifiers') }}
where {{ is_new_load_number('first_load_no') }}
{%- endif %}
