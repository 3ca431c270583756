{{ config(materialized='table') }}
-- depends_on: {{ ref('int_run__record_identifiers') }}

-- What the records that this run sees anew said before. Not a ref(): it is the same table one run earlier.
{{ select_from_before('int_identity__links', {
    'source_rank': 'bigint', 'record_uid': digest_type(), 'identifier_no': 'bigint', 'hub_no': 'bigint', 'load_no': 'bigint'
}, condition='record_uid in (select record_uid from ' ~ ref('int_run__record_identifiers') ~ ')') }}
