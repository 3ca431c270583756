{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'customer_noise'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- One pass per rule over the facts of touched customers. A score is evidence, is_noise the verdict at the threshold.
{%- set rules = {} -%}
{%- for rule in var('noise_rules') %}{% do rules.update({rule.code: rule}) %}{% endfor %}

with orders as (

    select
        orders.customer_id,
        count(*) as order_count,
        {{ sum_fen('case when orders.refunded_fen >= orders.amount_fen and orders.amount_fen > 0 then 1 else 0 end') }} as refunded_count,
        max(orders.amount_fen) as most_paid_fen
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = orders.customer_id
    where orders.is_valid
    group by orders.customer_id

),

coupons as (

    select
        coupons.customer_id,
        count(*) as coupon_use_count
    from {{ ref('fct_coupon_uses') }} as coupons
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = coupons.customer_id
    group by coupons.customer_id

),

groups as (

    select
        memberships.customer_id,
        count(distinct memberships.chat_id) as group_count
    from {{ ref('fct_group_memberships') }} as memberships
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = memberships.customer_id
    where memberships.is_member
    group by memberships.customer_id

),

listed as (
    {% for each in var('noise_identifiers') %}
    select
        customer_id,
        {{ 'true' if each.get('clean') else 'false' }} as is_cleared,
        {{ sql_value(each.reason, 'text', 'vars.noise_identifiers') }} as reason
    from {{ ref('int_run__identifiers') }}
    where identifier_key = {{ sql_value(each.identifier_key, 'text', 'vars.noise_identifiers') }}
    union all
    {%- endfor %}
    select
        cast(null as varchar) as customer_id,
        false as is_cleared,
        cast(null as varchar) as reason
    where 1 = 0

),

named_by_testers as (

    select customer_id
    from {{ ref('int_run__register_entries') }}
    where has_test_name
    union
    select identifiers.customer_id
    from (
        {{ latest_version(ref('stg_wecom__contacts'), 'record_key', 'record_key asc') }}
    ) as contacts
    inner join {{ ref('int_run__identifiers') }} as identifiers
        on identifiers.identifier_key = 'external_userid:' || contacts.external_userid
    where contacts.has_test_name

),

-- Customers in whose records a phone stands that joins nobody because too many share it.
beside_shared_phones as (

    select
        owners.customer_id,
        count(distinct limited.identifier_no) as phone_count
    from {{ ref('int_identity__limited') }} as limited
    inner join {{ ref('int_identity__links') }} as phones on phones.identifier_no = limited.identifier_no
    inner join {{ ref('int_identity__links') }} as companions
        on companions.record_uid = phones.record_uid and companions.identifier_no <> phones.identifier_no
    inner join {{ ref('int_identity__identifiers') }} as identifiers
        on identifiers.identifier_no = companions.identifier_no
    inner join {{ ref('int_run__identifiers') }} as owners on owners.identifier_key = identifiers.identifier_key
    group by owners.customer_id

),

scored as (

    select
        customer_id,
        'listed' as noise_code,
        cast(1 as double) as score,
        min(reason) as evidence
    from listed
    where not is_cleared
    group by customer_id
    union all
    select
        customer_id,
        'test_account',
        cast(1 as double),
        'the name is one that testers type'
    from named_by_testers
    union all
    select
        orders.customer_id,
        'test_account',
        cast(1 as double),
        orders.order_count || ' orders, none above {{ rules.test_account.most_paid_fen }} fen'
    from orders
    left join named_by_testers on named_by_testers.customer_id = orders.customer_id
    where
        named_by_testers.customer_id is null
        and orders.order_count >= {{ rules.test_account.min_orders }}
        and orders.most_paid_fen <= {{ rules.test_account.most_paid_fen }}
    union all
    select
        groups.customer_id,
        'shill',
        least(cast(groups.group_count as double) / {{ rules.shill.min_groups }}, 1),
        'in ' || groups.group_count || ' customer groups and never bought'
    from groups
    left join orders on orders.customer_id = groups.customer_id
    where orders.customer_id is null and groups.group_count >= 2
    union all
    select
        orders.customer_id,
        'coupon_hunter',
        least(cast(coalesce(coupons.coupon_use_count, 0) + orders.refunded_count as double) / orders.order_count, 1),
        orders.order_count || ' orders, ' || coalesce(coupons.coupon_use_count, 0) || ' coupons, '
        || orders.refunded_count || ' refunded in full'
    from orders
    left join coupons on coupons.customer_id = orders.customer_id
    where
        orders.order_count >= {{ rules.coupon_hunter.min_orders }}
        and coalesce(coupons.coupon_use_count, 0) + orders.refunded_count > 0
    union all
    select
        customer_id,
        'shared_phone',
        cast(1 as double),
        'stands beside ' || phone_count || ' phone(s) that too many share'
    from beside_shared_phones

),

rules as (
    {% for rule in var('noise_rules') %}
    select
        {{ sql_value(rule.code, 'text', 'vars.noise_rules') }} as noise_code,
        {{ sql_value(rule.name_zh, 'text', 'vars.noise_rules') }} as noise_name_zh,
        cast({{ rule.threshold }} as double) as threshold,
        cast({{ rule.version }} as bigint) as rule_version
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

cleared as (

    select distinct customer_id
    from listed
    where is_cleared

)

select
    scored.customer_id,
    scored.noise_code,
    rules.noise_name_zh,
    cast(round(scored.score, 4) as double) as score,
    scored.score >= rules.threshold and cleared.customer_id is null as is_noise,
    cleared.customer_id is not null as is_cleared,
    scored.evidence,
    rules.rule_version
from scored
inner join rules on rules.noise_code = scored.noise_code
left join cleared on cleared.customer_id = scored.customer_id
