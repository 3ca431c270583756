{{ config(materialized='table') }}

{%- set state = run_state() %}

select
    cast('{{ state.as_of }}' as date) as as_of,
    {{ day_number("cast('" ~ state.as_of ~ "' as date)") }} as as_of_day,
    '{{ state.known_load_id }}' as known_load_id,
    {{ "cast('" ~ state.previous_as_of ~ "' as date)" if state.previous_as_of else "cast(null as date)" }} as previous_as_of,
    '{{ state.previous_load_id }}' as previous_load_id,
    cast({{ first_open_day() }} as bigint) as first_open_day,
    cast({{ state.is_rebuild }} as boolean) as is_rebuild
