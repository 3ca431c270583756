{{ config(materialized='table') }}

-- Every value that a source gives for an attribute of a touched customer, the best one first.
with contacts as (

    select
        versions.*,
        identifiers.customer_id
    from (
        {{ latest_version(ref('stg_wecom__contacts'), 'record_key', 'record_key asc') }}
    ) as versions
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || versions.external_userid
    where not versions.is_deleted

),

friends as (

    select
        versions.name_masked,
        versions.phone_masked,
        versions._load_id,
        identifiers.customer_id
    from (
        {{ latest_version(ref('stg_personal_wechat__contacts'), 'account_id, contact_id', '_row_no desc') }}
    ) as versions
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = {{ personal_contact_key('versions.account_id', 'versions.contact_id') }}

),

given as (

    {% for attribute, value in {
        'name': 'name_masked', 'phone': 'phone_masked', 'gender': "nullif(gender, 'unknown')",
        'birthday': 'cast(birthday as varchar)', 'city': 'city'
    }.items() -%}
    select
        customer_id,
        '{{ attribute }}' as attribute_code,
        source_code,
        {{ value }} as attribute_value,
        _load_id
    from {{ ref('int_run__register_entries') }}
    union all
    {% endfor -%}
    select customer_id, 'name', 'wecom_contact', name_masked, _load_id
    from contacts
    union all
    select customer_id, 'gender', 'wecom_contact', case gender_code when 1 then 'male' when 2 then 'female' end, _load_id
    from contacts
    union all
    select customer_id, 'name', 'personal_contact', name_masked, _load_id
    from friends
    union all
    select customer_id, 'phone', 'personal_contact', phone_masked, _load_id
    from friends

),

distinct_values as (

    select
        given.customer_id,
        given.attribute_code,
        given.source_code,
        given.attribute_value,
        policy.source_rank,
        count(*) as record_count,
        max(given._load_id) as last_load_id
    from given
    inner join {{ ref('int_golden__source_policy') }} as policy
        on policy.attribute_code = given.attribute_code and policy.source_code = given.source_code
    where given.attribute_value is not null
    group by given.customer_id, given.attribute_code, given.source_code, given.attribute_value, policy.source_rank

)

select
    customer_id,
    attribute_code,
    source_code,
    attribute_value,
    record_count,
    last_load_id,
    row_number() over (
        partition by customer_id, attribute_code order by source_rank asc, last_load_id desc, attribute_value asc
    ) as value_rank
from distinct_values
