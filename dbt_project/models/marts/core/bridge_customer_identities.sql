{{ config(meta={'published_as': 'customer_identities'}) }}
-- depends_on: {{ ref('int_identity__before') }}

select
    identifiers.identifier_key,
    identifiers.identifier_type,
    'c' || substr(md5(anchors.identifier_key), 1, 20) as customer_id,
    cast(components.anchor_no as bigint) as customer_no,
    identifiers.blocked_reason,
    {{ load_instant('identifiers.first_load_id') }} as first_known_at
from {{ ref('int_identity__identifiers') }} as identifiers
inner join {{ ref('int_identity__components') }} as components
    on components.identifier_no = identifiers.identifier_no
inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = components.anchor_no
