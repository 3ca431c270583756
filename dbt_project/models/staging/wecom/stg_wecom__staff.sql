select
    record_key as userid,
    is_deleted,
    _load_id
from ({{ new_records('wecom', 'staff') }}) as records
