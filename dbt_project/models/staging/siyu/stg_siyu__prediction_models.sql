select
    -- ids
    model_version,
    model_code,
    known_load_id,

    -- strings
    train_days,
    test_days,
    reason,
    metrics,
    parameters,
    source,

    -- numerics
    train_count,
    test_count,
    file_row_number as _row_no,

    -- booleans
    is_promoted,

    -- dates
    trained_as_of,

    -- metadata
    load_id as _load_id
from {{ source('siyu', 'prediction_models') }}
where {{ is_new_load() }}
