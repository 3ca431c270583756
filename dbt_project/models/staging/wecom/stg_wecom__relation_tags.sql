with records as (

    {{ new_records('wecom', 'contact_details') }}

),

relations as (

    select
        records.record_key,
        records._load_id,
        items.item as relation
    from records
    cross join {{ json_items('records.payload', '$.follow_user') }}

),

carried as (

    select
        relations.record_key,
        relations._load_id,
        relations.relation,
        items.item as tag
    from relations
    cross join {{ json_items('relations.relation', '$.tags') }}

)

select
    -- ids
    record_key as external_userid,
    {{ json_text('relation', '$.userid') }} as userid,
    {{ json_text('tag', '$.tag_id') }} as tag_id,

    -- codes
    {{ json_bigint('tag', '$.type') }} as tag_type_code,

    -- strings
    {{ json_text('tag', '$.group_name') }} as tag_group_name,
    {{ json_text('tag', '$.tag_name') }} as tag_name,

    -- metadata
    _load_id
from carried
union all
select
    record_key,
    cast(null as varchar),
    cast(null as varchar),
    cast(null as bigint),
    cast(null as varchar),
    cast(null as varchar),
    _load_id
from records
