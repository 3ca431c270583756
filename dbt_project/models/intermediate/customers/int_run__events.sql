{{ config(materialized='table') }}

-- Everything touched customers did that a feature counts, one row per event and business day. Being seen makes a
-- customer; what the brand sent her, and what ended, does not.
{%- set measures = measures_in_use() %}
{%- set carried = used_of_kind('carried') %}

with events as (
    {% for source in event_sources() %}
    {{ 'union all' if not loop.first }}
    select
        {{ source.customer or 'customer_id' }} as customer_id,
        {{ source.date }} as event_date,
        {{ source.channel or 'cast(null as varchar)' }} as channel_code,
        {{ 1 if source.own else 0 }} as is_own,
        {{ 0 if source.is_unseen else 1 }} as is_seen
        {%- for measure in measures if measure not in computed_measures() %},
        {{ source.measures.get(measure, 0) }} as {{ measure }}
        {%- endfor %}
        {%- for name in carried %},
        {{ (source.carried or {}).get(name, 'cast(null as varchar)') }} as {{ name }}_key
        {%- endfor %}
    from {{ source.from }}
    {%- if source.where %}
    where {{ source.where }}
    {%- endif %}
    {%- endfor %}

)

select events.*
from events
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = events.customer_id
cross join {{ ref('int_run__clock') }} as clock
where events.event_date <= clock.as_of
