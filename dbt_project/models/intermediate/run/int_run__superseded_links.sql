{{ config(materialized='table') }}

-- What versions said that came with this run's loads and that a later one of them supersedes.
select
    source_rank,
    record_uid,
    identifier_no,
    hub_no,
    load_no,
    superseded_load_no
from (
    {{ stars_of_records('superseded_load_no is not null') }}
) as stars
