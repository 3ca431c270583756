{#- vars.member_tiers, checked: from 0 upwards, each threshold above the one before. -#}
{% macro tier_policy() %}
    {% set tiers = var('member_tiers') %}
    {% for tier in tiers %}
        {% if tier.min_spend_fen is not integer or (loop.first and tier.min_spend_fen != 0)
            or (not loop.first and tier.min_spend_fen <= tiers[loop.index0 - 1].min_spend_fen) %}
            {% do rule_error('vars.member_tiers.' ~ tier.code ~ '.min_spend_fen', 'whole fen, 0 first, then rising', tier.min_spend_fen) %}
        {% endif %}
    {% endfor %}
    {{ return(tiers) }}
{% endmacro %}

{#- 1 for the lowest tier; a net spend below 0 is still the lowest. -#}
{% macro tier_rank(spend_fen) -%}
    case
        {%- for tier in tier_policy() | reverse if tier.min_spend_fen > 0 %}
        when {{ spend_fen }} >= {{ tier.min_spend_fen }} then {{ tier_policy() | length - loop.index0 }}
        {%- endfor %}
        else 1
    end
{%- endmacro %}
