{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'personal_contacts'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with contacts as (

    select
        stg_contacts.*,
        min(_load_id) over (partition by account_id, contact_id) as first_load_id
    from {{ ref('stg_personal_wechat__contacts') }} as stg_contacts

),

newest as (

    {{ latest_version('contacts', 'account_id, contact_id', '_row_no desc') }}

),

-- Exports often leave out when somebody was added: known by then is all that can be said.
dated as (

    select
        *,
        coalesce({{ business_date('added_at') }}, {{ business_date(load_instant('first_load_id')) }}) as added_date
    from newest

)

select
    -- ids
    dated.account_id,
    dated.contact_id,
    identifiers.customer_id,

    -- strings
    dated.tags_text,

    -- dates
    dated.added_date,

    -- timestamps
    dated.added_at
from dated
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ personal_contact_key('dated.account_id', 'dated.contact_id') }}
cross join {{ ref('int_run__clock') }} as clock
where dated.added_date <= clock.as_of
