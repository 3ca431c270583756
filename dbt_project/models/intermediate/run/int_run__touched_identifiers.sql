{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__links_before') }}
-- depends_on: {{ ref('int_identity__links') }}
-- depends_on: {{ ref('int_run__superseded_links') }}
-- depends_on: {{ ref('int_run__limits_in_doubt') }}

-- Identifiers whose component may differ from the previous run's, or did for some loads of this run: new ones, those of
-- records that were loaded since (as they stand now and as they stood before), and the neighbours of a value that began
-- or ceased to join nobody.
{% if run_state().is_rebuild -%}
select identifier_no
from {{ ref('int_identity__identifiers') }}
{%- else -%}
with beside_doubtful as (

    select distinct links.record_uid
    from {{ ref('int_identity__links') }} as links
    inner join {{ ref('int_run__limits_in_doubt') }} as in_doubt on in_doubt.identifier_no = links.identifier_no

)

select identifier_no
from {{ ref('int_run__links_before') }}
union
select identifier_no
from {{ ref('int_identity__links') }}
where {{ is_new_load_number('load_no') }}
union
select identifier_no
from {{ ref('int_run__superseded_links') }}
union
select links.identifier_no
from {{ ref('int_identity__links') }} as links
inner join beside_doubtful on beside_doubtful.record_uid = links.record_uid
union
select identifier_no
from {{ ref('int_identity__identifiers') }}
where {{ is_new_load_number('first_load_no') }}
{%- endif %}
