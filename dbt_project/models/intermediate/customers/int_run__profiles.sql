{{ config(materialized='table') }}

-- The golden record of each touched customer: of every attribute the best value.
with best as (

    select
        customer_id,
        {%- for attribute in ('name', 'phone', 'gender', 'birthday', 'city') %}
        max(case when attribute_code = '{{ attribute }}' then attribute_value end) as {{ attribute }}_value
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_run__attributes') }}
    where value_rank = 1
    group by customer_id

),

registrations as (

    select
        customer_id,
        min({{ business_date('registered_at') }}) as registered_date
    from {{ ref('int_run__register_entries') }}
    group by customer_id

)

select
    touched.customer_id,
    best.name_value as name_masked,
    best.phone_value as phone_masked,
    best.gender_value as gender,
    cast(best.birthday_value as date) as birthday,
    cast(extract(month from cast(best.birthday_value as date)) as bigint) as birth_month,
    best.city_value as city,
    registrations.registered_date
from {{ ref('int_run__touched_customers') }} as touched
left join best on best.customer_id = touched.customer_id
left join registrations on registrations.customer_id = touched.customer_id
