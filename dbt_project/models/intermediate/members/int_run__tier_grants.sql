{{ config(materialized='table') }}

-- Tiers given rather than earned: by hand (vars.member_tier_rules.grants), and on birthdays.
{%- set rules = tier_rules() %}

with by_hand as (
    {% for grant in rules.get('grants', []) %}
    select
        identifiers.customer_id,
        {{ day_number("cast('" ~ grant.from_date ~ "' as date)") }} as from_day,
        {{ day_number("cast('" ~ grant.to_date ~ "' as date)") }} + 1 as until_day,
        policy.tier_rank as granted_rank,
        cast(0 as bigint) as tiers_up,
        {{ sql_value(grant.reason, 'text', 'vars.member_tier_rules.grants') }} as grant_reason
    from {{ ref('int_run__identifiers') }} as identifiers
    inner join {{ ref('int_members__tier_policy') }} as policy on policy.tier_code = '{{ grant.tier_code }}'
    where identifiers.identifier_key = {{ sql_value(grant.identifier_key, 'text', 'vars.member_tier_rules.grants') }}
    union all
    {%- endfor %}
    select
        cast(null as varchar) as customer_id,
        cast(null as bigint) as from_day,
        cast(null as bigint) as until_day,
        cast(null as bigint) as granted_rank,
        cast(null as bigint) as tiers_up,
        cast(null as varchar) as grant_reason
    where 1 = 0

),
{% if rules.get('birthday_grant') %}
born as (

    select
        customers.customer_id,
        customers.first_seen_date,
        customers.birthday
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = customers.customer_id
    where customers.birthday is not null

),

years as (

    select generated_number as year_no
    from (
        {{ integer_series(
            -1,
            'select max(extract(year from clock.as_of)) - min(extract(year from born.first_seen_date)) + 1 from '
            ~ ref('int_run__clock') ~ ' as clock cross join born'
        ) }}
    ) as numbers

),

-- Somebody born on February 29 has her birthday on the 28th in other years; dateadd does that.
birthdays as (

    select
        born.customer_id,
        {{ day_number(dbt.dateadd(
            'year', 'extract(year from born.first_seen_date) - extract(year from born.birthday) + years.year_no',
            'born.birthday'
        )) }} as from_day
    from born
    cross join years

),
{% endif %}
granted as (

    select * from by_hand
    {% if rules.get('birthday_grant') %}
    union all
    select
        customer_id,
        from_day,
        from_day + {{ rules.birthday_grant.days }},
        cast(0 as bigint),
        cast({{ rules.birthday_grant.tiers_up }} as bigint),
        'birthday'
    from birthdays
    {% endif %}
)

select
    customer_id,
    from_day,
    until_day,
    granted_rank,
    tiers_up,
    grant_reason
from granted
