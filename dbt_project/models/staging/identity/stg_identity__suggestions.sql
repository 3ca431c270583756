select
    -- ids
    pair_id,
    left_key,
    right_key,

    -- strings
    agreed_fields,
    similar_fields,
    differing_fields,
    source,

    -- numerics
    match_probability,
    match_weight,

    -- metadata
    load_id as _load_id
from {{ source('identity', 'suggestions') }}
where {{ is_new_load() }}
