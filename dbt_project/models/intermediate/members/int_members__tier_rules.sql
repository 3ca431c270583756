{%- set rules = tier_rules() %}

select
    '{{ rules.downgrade.kind }}' as downgrade_kind,
    cast({{ rules.protection_days }} as bigint) as protection_days,
    cast({{ rules.downgrade.get('days', 0) }} as bigint) as review_days,
    cast({{ rules.downgrade.get('month', 1) }} as bigint) as review_month,
    cast({{ rules.downgrade.get('day', 1) }} as bigint) as review_day
