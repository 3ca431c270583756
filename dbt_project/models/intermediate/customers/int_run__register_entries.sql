{{ config(materialized='table') }}

-- The newest version of every register entry of a touched customer, of the mini-program and of the stores.
{% for channel in file_channels() -%}
{{ 'union all' if not loop.first }}
select
    '{{ channel.code }}' as channel_code,
    '{{ channel.member_source }}' as source_code,
    versions.*,
    identifiers.customer_id
from (
    {{ latest_version(ref('stg_' ~ channel.code ~ '__members'), "buyer_source, buyer_id", '_row_no desc') }}
) as versions
inner join {{ ref('int_run__identifiers') }} as identifiers
    on identifiers.identifier_key = {{ buyer_key('versions.buyer_source', 'versions.buyer_id') }}
{% endfor %}
