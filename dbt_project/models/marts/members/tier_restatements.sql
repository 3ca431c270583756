{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail', full_refresh=false,
    pre_hook="{{ forget_said_of_touched('not coalesce(restated_date <= ' ~ evening_before() ~ ', false)') }}",
    meta={'published_as': 'tier_restatements'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}
-- depends_on: {{ ref('int_members__tiers_said') }}

-- Days up to the last evening, whose tier is another now. Of whom nothing was said, nothing is restated.
with clock as (

    select
        as_of,
        {{ evening_before() }} as last_evening
    from {{ ref('int_run__clock') }}

),

said as (

    select
        said.customer_id,
        said.valid_from,
        said.tier_code,
        said.said_from <= clock.last_evening as was_said,
        said.said_to is null as is_said
    from {{ ref('int_members__tiers_said') }} as said
    cross join clock
    where
        (said.said_to is null or said.said_to > clock.last_evening)
        {%- if not run_state().is_rebuild %}
        and said.customer_id in (select customer_id from {{ ref('int_run__touched_customers') }})
        {%- endif %}

),

-- Only who is said something else of has a row that began or ended this evening.
restated as (

    select customer_id
    from said
    group by customer_id
    having sum(case when was_said <> is_said then 1 else 0 end) > 0

),

{% for state in ('was_said', 'is_said') -%}
{{ state }} as (

    select
        said.customer_id,
        said.valid_from,
        said.tier_code,
        lead(said.valid_from) over (partition by said.customer_id order by said.valid_from) as valid_to
    from said
    inner join restated on restated.customer_id = said.customer_id
    where said.{{ state }}

),

{% endfor -%}
days as (

    select customer_id, valid_from from was_said
    union
    select customer_id, valid_from from is_said

),

compared as (

    select
        days.customer_id,
        days.valid_from,
        lead(days.valid_from) over (partition by days.customer_id order by days.valid_from) as valid_to,
        was_said.tier_code as tier_code_before,
        is_said.tier_code as tier_code_now
    from days
    {%- for state in ('was_said', 'is_said') %}
    left join {{ state }}
        on
            {{ state }}.customer_id = days.customer_id
            and {{ state }}.valid_from <= days.valid_from
            and coalesce({{ state }}.valid_to, cast('9999-12-31' as date)) > days.valid_from
    {%- endfor %}

)

select
    compared.customer_id,
    clock.as_of as restated_date,
    clock.last_evening as said_date,
    compared.valid_from as from_date,
    least(
        coalesce(compared.valid_to, clock.as_of), cast({{ dbt.dateadd('day', 1, 'clock.last_evening') }} as date)
    ) as until_date,
    compared.tier_code_before,
    compared.tier_code_now
from compared
cross join clock
where
    compared.valid_from <= clock.last_evening
    and compared.tier_code_before is not null
    and compared.tier_code_before is distinct from compared.tier_code_now
    and {{ 'true' if is_newest_evening() else 'false' }}
