{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__touched_identifiers') }}

-- The components that this run looks at again, whole, as the previous run left them. An edge that joins one of them
-- to another component is new or gone, so that both its ends are touched: no further component can be concerned.
{% set columns = {'identifier_no': 'bigint', 'component_no': 'bigint', 'anchor_no': 'bigint'} %}
{{ select_from_before('int_identity__components', columns) }}
and component_no in (
    select touched.component_no
    from (
        {{ select_from_before('int_identity__components', columns) }}
    ) as touched
    where touched.identifier_no in (select identifier_no from {{ ref('int_run__touched_identifiers') }})
)
