{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_moves_of_open_days() }}", meta={'published_as': 'identity_moves'}
) }}

-- An identifier's customer on the evening of day T: from_customer_id of its first move after T, or else its customer now.
select
    moves.identifier_no,
    identifiers.identifier_key,
    {{ customer_id_of('from_anchors.identifier_key') }} as from_customer_id,
    moves.from_customer_no,
    {{ customer_id_of('to_anchors.identifier_key') }} as to_customer_id,
    moves.to_customer_no,
    moves.move_kind,
    moves.moved_date
from {{ ref('int_run__moves') }} as moves
inner join {{ ref('int_identity__identifiers') }} as identifiers on identifiers.identifier_no = moves.identifier_no
inner join {{ ref('int_identity__identifiers') }} as from_anchors
    on from_anchors.identifier_no = moves.from_customer_no
inner join {{ ref('int_identity__identifiers') }} as to_anchors on to_anchors.identifier_no = moves.to_customer_no
where moves.move_kind is not null
