{{ config(materialized='table') }}

-- Whose answers may differ from the previous run's: she is in a record that was loaded since, her identity moved,
-- or a day came (or left a window) that one of her events lies on.
with clock as (

    select * from {{ ref('int_run__clock') }}

),

changed_entities as (

    select distinct observed.entity_key
    from {{ ref('int_run__observed') }} as observed
    cross join clock
    where observed._load_id > clock.previous_load_id and observed._load_id <= clock.known_load_id

),

touched_identifiers as (

    select observed.identifier_key
    from {{ ref('int_run__observed') }} as observed
    inner join changed_entities on changed_entities.entity_key = observed.entity_key
    where observed.identifier_key is not null
    union
    select observed.identifier_key
    from {{ ref('int_run__observed') }} as observed
    cross join clock
    where
        observed.identifier_key is not null
        and (
            (observed.event_date > clock.previous_as_of and observed.event_date <= clock.as_of)
            {%- for days in var('windows') %}
            or (
                observed.event_date > {{ dbt.dateadd('day', -days, 'clock.previous_as_of') }}
                and observed.event_date <= {{ dbt.dateadd('day', -days, 'clock.as_of') }}
            )
            {%- endfor %}
        )

),

-- Customers that an identifier came to or left, by their anchors.
moved as (

    select anchor_no
    from {{ ref('int_run__components') }}
    where anchor_no_before is null or anchor_no_before <> anchor_no
    union
    select anchor_no_before
    from {{ ref('int_run__components') }}
    where anchor_no_before <> anchor_no

)

select identity_now.customer_id
from touched_identifiers
inner join {{ ref('bridge_customer_identities') }} as identity_now
    on identity_now.identifier_key = touched_identifiers.identifier_key
union
select {{ customer_id_of('anchors.identifier_key') }}
from moved
inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = moved.anchor_no
