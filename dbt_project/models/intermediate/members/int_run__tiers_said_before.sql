{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- What earlier runs said of whom this run looks at again. Not a ref(): it is the same table one run earlier.
{%- set said = load_relation(
    api.Relation.create(database=target.database, schema='intermediate', identifier='int_members__tiers_said')
) if execute %}

{% if said -%}
select
    customer_id,
    valid_from,
    tier_code,
    said_from,
    said_to
from {{ said }}
{%- if not run_state().is_rebuild %}
where customer_id in (select customer_id from {{ ref('int_run__touched_customers') }})
{%- endif %}
{%- else -%}
select
    cast(null as varchar) as customer_id,
    cast(null as date) as valid_from,
    cast(null as varchar) as tier_code,
    cast(null as date) as said_from,
    cast(null as date) as said_to
where 1 = 0
{%- endif %}
