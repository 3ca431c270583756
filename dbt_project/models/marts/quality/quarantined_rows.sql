{{ config(materialized='view', meta={'published_as': 'quarantined_rows'}) }}

select
    channel_code,
    stream,
    source,
    source_line,
    reason,
    {{ load_instant('_load_id') }} as known_at
from {{ ref('stg_quarantine__rows') }}
