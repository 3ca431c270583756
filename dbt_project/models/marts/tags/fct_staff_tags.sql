{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'staff_tags'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Full scans name corp tags by id, for every relation and run; personal and strategy tags come with their names when a
-- customer is read alone. What the group of our own tags holds, activation put there: it is nobody's judgement.
with library as (

    select
        tag_id,
        tag_group_name,
        tag_name
    from ({{ latest_version('(select * from ' ~ ref('stg_wecom__corp_tags') ~ ' where not is_deleted) as named', 'tag_id', 'tag_id asc') }}) as newest
    where tag_group_name <> {{ sql_value(var('wecom_tag_group'), 'text', 'wecom_tag_group') }}

),

relations as (

    select
        contacts.*,
        identifiers.customer_id,
        min({{ business_date('contacts.added_at') }}) over (partition by contacts.record_key) as added_date
    from {{ ref('stg_wecom__contacts') }} as contacts
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || contacts.external_userid

),

people as (

    select distinct
        customer_id,
        record_key,
        userid,
        external_userid,
        added_date
    from relations

),

-- What a relation's tags could be read from, in order: after the last version with a tag comes the one without it.
versions as (

    select
        *,
        row_number() over (partition by record_key, is_detail order by _load_id) as version_no,
        lead(_load_id) over (partition by record_key, is_detail order by _load_id) as next_load_id
    from (
        select
            record_key,
            false as is_detail,
            _load_id
        from relations
        union
        select
            people.record_key,
            true,
            details._load_id
        from people
        inner join {{ ref('stg_wecom__relation_tags') }} as details on details.external_userid = people.external_userid
        union
        select
            record_key,
            true,
            _load_id
        from relations
        where is_deleted
    ) as read_from

),

carried as (

    select distinct
        relations.record_key,
        false as is_detail,
        relations._load_id,
        library.tag_id as tag_key,
        library.tag_id,
        'corp' as tag_kind_code,
        library.tag_group_name,
        library.tag_name
    from relations
    cross join {{ json_items('relations.tag_ids', '$') }}
    inner join library on library.tag_id = {{ json_text('items.item', '$') }}
    where not relations.is_deleted
    union all
    select distinct
        people.record_key,
        true,
        details._load_id,
        coalesce(details.tag_id, 'personal') || '|' || coalesce(details.tag_group_name, '') || '|' || details.tag_name,
        details.tag_id,
        case details.tag_type_code when 2 then 'personal' else 'strategy' end,
        details.tag_group_name,
        details.tag_name
    from people
    inner join {{ ref('stg_wecom__relation_tags') }} as details
        on details.external_userid = people.external_userid and details.userid = people.userid
    where details.tag_type_code in (2, 3)

),

placed as (

    select
        carried.*,
        versions.next_load_id,
        versions.version_no - row_number() over (
            partition by carried.record_key, carried.is_detail, carried.tag_key order by versions.version_no
        ) as span_no
    from carried
    inner join versions
        on
            versions.record_key = carried.record_key
            and versions.is_detail = carried.is_detail
            and versions._load_id = carried._load_id

),

spans as (

    select
        record_key,
        tag_key,
        tag_id,
        tag_kind_code,
        tag_group_name,
        tag_name,
        min(_load_id) as put_load_id,
        case when count(*) = count(next_load_id) then max(next_load_id) end as taken_load_id
    from placed
    group by record_key, is_detail, tag_key, tag_id, tag_kind_code, tag_group_name, tag_name, span_no

),

dated as (

    select
        spans.*,
        people.customer_id,
        people.userid,
        people.external_userid,
        {{ load_instant('spans.put_load_id') }} as put_known_at,
        {{ ended_date(load_instant('spans.put_load_id'), 'people.added_date') }} as put_date,
        case when spans.taken_load_id is not null then {{ load_instant('spans.taken_load_id') }} end as taken_known_at,
        case
            when spans.taken_load_id is not null
                then {{ ended_date(load_instant('spans.taken_load_id'), 'people.added_date') }}
        end as taken_date
    from spans
    inner join people on people.record_key = spans.record_key

)

select
    -- ids
    dated.record_key || '|' || dated.tag_key || '|' || dated.put_load_id as staff_tag_key,
    dated.customer_id,
    dated.userid,
    dated.external_userid,
    dated.tag_id,

    -- strings
    dated.tag_kind_code,
    dated.tag_group_name,
    dated.tag_name,

    -- dates
    dated.put_date,
    case when dated.taken_date <= clock.as_of then dated.taken_date end as taken_date,

    -- timestamps
    dated.put_known_at,
    case when dated.taken_date <= clock.as_of then dated.taken_known_at end as taken_known_at
from dated
cross join {{ ref('int_run__clock') }} as clock
where dated.put_date <= clock.as_of
