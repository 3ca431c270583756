-- The newest verdict per pair. Corrections come later: the order of loading decides, then the line of the file.
with ranked as (

    {{ latest_version(ref('stg_identity__decisions'), 'left_key, right_key', '_row_no desc') }}

)

select
    left_key,
    right_key,
    verdict,
    reason,
    decided_by,
    decided_at,
    _row_no,
    _load_id
from ranked
