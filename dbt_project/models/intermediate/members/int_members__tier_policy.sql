{%- for tier in tier_policy() %}
{{ 'union all' if not loop.first }}
select
    cast({{ loop.index }} as bigint) as tier_rank,
    '{{ tier.code }}' as tier_code,
    {{ sql_value(tier.name_zh, 'text', 'vars.member_tiers.name_zh') }} as tier_name_zh,
    cast({{ tier.min_spend_fen }} as bigint) as min_spend_fen
{%- endfor %}
