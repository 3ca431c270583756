select
    -- ids
    channel as channel_code,
    stream,
    source,

    -- strings
    reason,

    -- numerics
    source_line,
    file_row_number as _row_no,

    -- metadata
    load_id as _load_id
from {{ source('quarantine', 'rows') }}
where {{ is_new_load() }}
