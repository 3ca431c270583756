{{ config(materialized='table') }}
{%- for channel in file_channels() %}
-- depends_on: {{ ref('stg_' ~ channel.code ~ '__members') }}
{%- endfor %}

-- Whose answers may differ from the previous run's: she is in a record that was loaded since, her identity moved,
-- a day came (or left a window) that one of her events lies on, or the day on which time alone may change her tier or
-- her points.
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
            {%- for days, kinds in touching_windows().items() %}
            or (
                observed.event_kind in ('{{ kinds | join("', '") }}')
                and observed.event_date > {{ dbt.dateadd('day', -days, 'clock.previous_as_of') }}
                and observed.event_date <= {{ dbt.dateadd('day', -days, 'clock.as_of') }}
            )
            {%- endfor %}
        )

    -- Tags of the library that were named anew, on whomever they are.
    union
    select 'external_userid:' || contacts.external_userid
    from {{ ref('stg_wecom__contacts') }} as contacts
    cross join {{ json_items('contacts.tag_ids', '$') }}
    inner join {{ ref('stg_wecom__corp_tags') }} as named on named.tag_id = {{ json_text('items.item', '$') }}
    where {{ is_new_load('named._load_id') }} and contacts.tag_ids <> '[]'

    {%- set months = birthday_months_begun() %}
    {%- if months %}
    -- A birthday month began or ended meanwhile.
    {%- for channel in file_channels() %}
    union
    select {{ buyer_key('buyer_source', 'buyer_id') }}
    from {{ ref('stg_' ~ channel.code ~ '__members') }}
    where extract(month from birthday) in ({{ months | join(', ') }})
    {%- endfor %}
    {%- endif %}

),

-- Customers whose identity was looked at again, by their anchors: an identifier may have come or gone, or a phone
-- beside them may have begun to join nobody.
looked_at as (

    select anchor_no
    from {{ ref('int_run__components') }}
    union
    select anchor_no_before
    from {{ ref('int_run__components') }}
    where anchor_no_before is not null

)

select identity_now.customer_id
from touched_identifiers
inner join {{ ref('bridge_customer_identities') }} as identity_now
    on identity_now.identifier_key = touched_identifiers.identifier_key
union
select {{ customer_id_of('anchors.identifier_key') }}
from looked_at
inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = looked_at.anchor_no
union
-- Not a ref(): they are the same tables one run earlier.
select customer_id
from (
    {{ select_from_before('member_tiers', {'customer_id': 'varchar', 'next_check_date': 'date'}, schema='marts') }}
) as tiers_before
where next_check_date <= (select as_of from clock)
union
select customer_id
from (
    {{ select_from_before('points_balance', {'customer_id': 'varchar', 'next_expiry_date': 'date'}, schema='marts') }}
) as balances_before
where next_expiry_date <= (select as_of from clock)
{%- if version_days() %}
union
-- From today on a tag has another version, for everybody.
select identity_now.customer_id
from {{ ref('bridge_customer_identities') }} as identity_now
cross join clock
where
    {%- for day in version_days() %}
    {{ 'or' if not loop.first }} ({{ day_number('clock.previous_as_of') }} < {{ day }} and {{ day }} <= clock.as_of_day)
    {%- endfor %}
{%- endif %}
