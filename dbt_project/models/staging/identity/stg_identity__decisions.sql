select
    -- ids
    least(left_key, right_key) as left_key,
    greatest(left_key, right_key) as right_key,

    -- strings
    verdict,
    reason,
    decided_by,
    source,

    -- numerics
    file_row_number as _row_no,

    -- timestamps
    decided_at,

    -- metadata
    load_id as _load_id
from {{ source('identity', 'decisions') }}
where {{ is_new_load() }}
