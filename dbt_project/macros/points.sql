{#- vars.points_rules, checked. -#}
{% macro points_rules() %}
    {% set tiers = tier_policy() | map(attribute='code') | list %}
    {% set rules = var('points_rules') %}
    {% set where = 'vars.points_rules' %}
    {% for field in ['fen_per_point', 'fen_per_point_spent'] %}
        {% do whole_number(rules.get(field), 1, 1000000, where ~ '.' ~ field) %}
    {% endfor %}
    {% if rules.get('percent_by_tier', {}).keys() | sort != tiers | sort %}
        {% do rule_error(where ~ '.percent_by_tier', 'a percentage for each of ' ~ tiers | join(', '), rules.get('percent_by_tier')) %}
    {% endif %}
    {% for code, percent in rules.percent_by_tier.items() %}
        {% do whole_number(percent, 0, 100000, where ~ '.percent_by_tier.' ~ code) %}
    {% endfor %}
    {% set expiry = rules.get('expiry', {}) %}
    {% if expiry.get('kind') not in ['never', 'after_days', 'end_of_year'] %}
        {% do rule_error(where ~ '.expiry.kind', 'never, after_days or end_of_year', expiry.get('kind')) %}
    {% endif %}
    {% if expiry.kind == 'after_days' %}{% do whole_number(expiry.get('days'), 1, 36500, where ~ '.expiry.days') %}{% endif %}
    {% if expiry.kind == 'end_of_year' %}{% do whole_number(expiry.get('years'), 0, 100, where ~ '.expiry.years') %}{% endif %}
    {{ return(rules) }}
{% endmacro %}

{#- Points of an amount at a percentage, rounded down; none for less than nothing. -#}
{% macro points_of(amount_fen, percent) -%}
    {{ integer_part('greatest(' ~ amount_fen ~ ', 0) * ' ~ percent, points_rules().fen_per_point * 100) }}
{%- endmacro %}

{% macro points_percent(tier_rank) -%}
    case {{ tier_rank }}
        {%- for tier in tier_policy() %}
        when {{ loop.index }} then {{ points_rules().percent_by_tier[tier.code] }}
        {%- endfor %}
    end
{%- endmacro %}

{#- First day on which points earned or granted on a day (a number) are gone; null when they never are. -#}
{% macro points_expiry_day(earned_day) -%}
    {%- set expiry = points_rules().expiry -%}
    {%- if expiry.kind == 'after_days' -%}
        {{ earned_day }} + {{ expiry.days }}
    {%- elif expiry.kind == 'end_of_year' -%}
        {{ day_number(dbt.dateadd('year', expiry.years + 1, dbt.date_trunc('year', date_of_day_number(earned_day)))) }}
    {%- else -%}
        cast(null as bigint)
    {%- endif -%}
{%- endmacro %}

{#- Kind of entry -> the account that stands against the member's. -#}
{% macro points_accounts() -%}
    {{ return({'earn': 'issued', 'grant': 'issued', 'claw_back': 'issued', 'spend': 'redeemed', 'expire': 'expired'}) }}
{%- endmacro %}
