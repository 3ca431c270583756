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

{#- vars.member_tier_rules, checked. -#}
{% macro tier_rules() %}
    {% set rules = var('member_tier_rules') %}
    {% set where = 'vars.member_tier_rules' %}
    {% set window = rules.get('window', {}) %}
    {% if window.get('kind') not in ['all_time', 'rolling', 'calendar_year'] %}
        {% do rule_error(where ~ '.window.kind', 'all_time, rolling or calendar_year', window.get('kind')) %}
    {% endif %}
    {% if window.kind == 'rolling' %}{% do whole_number(window.get('days'), 1, 36500, where ~ '.window.days') %}{% endif %}
    {% set downgrade = rules.get('downgrade', {}) %}
    {% if downgrade.get('kind') not in ['at_once', 'after_days', 'yearly'] %}
        {% do rule_error(where ~ '.downgrade.kind', 'at_once, after_days or yearly', downgrade.get('kind')) %}
    {% endif %}
    {% if downgrade.kind == 'after_days' %}{% do whole_number(downgrade.get('days'), 1, 36500, where ~ '.downgrade.days') %}{% endif %}
    {% if downgrade.kind == 'yearly' %}
        {% do whole_number(downgrade.get('month'), 1, 12, where ~ '.downgrade.month') %}
        {% do whole_number(downgrade.get('day'), 1, 28, where ~ '.downgrade.day') %}
    {% endif %}
    {% do whole_number(rules.get('protection_days'), 0, 36500, where ~ '.protection_days') %}
    {% if rules.get('birthday_grant') %}
        {% do whole_number(rules.birthday_grant.get('tiers_up'), 1, 100, where ~ '.birthday_grant.tiers_up') %}
        {% do whole_number(rules.birthday_grant.get('days'), 1, 365, where ~ '.birthday_grant.days') %}
    {% endif %}
    {% for grant in rules.get('grants', []) %}
        {% set place = where ~ '.grants[' ~ loop.index0 ~ ']' %}
        {% if grant.get('tier_code') not in tier_policy() | map(attribute='code') | list %}
            {% do rule_error(place ~ '.tier_code', 'a tier of vars.member_tiers', grant.get('tier_code')) %}
        {% endif %}
        {% for field in ['from_date', 'to_date'] %}{% do business_day(grant.get(field), place ~ '.' ~ field) %}{% endfor %}
        {% if grant.from_date | string > grant.to_date | string %}
            {% do rule_error(place ~ '.to_date', 'a day not before from_date', grant.to_date | string) %}
        {% endif %}
        {% for field in ['identifier_key', 'reason'] if grant.get(field) is not string %}
            {% do rule_error(place ~ '.' ~ field, 'a text', grant.get(field)) %}
        {% endfor %}
    {% endfor %}
    {{ return(rules) }}
{% endmacro %}

{% macro whole_number(value, least, most, where) %}
    {% if value is not integer or value is boolean or value < least or value > most %}
        {% do rule_error(where, 'a whole number from ' ~ least ~ ' to ' ~ most, value) %}
    {% endif %}
{% endmacro %}

{#- The day on which spend of `day` counts no more, as a number; null when it always does. -#}
{% macro tier_window_exit(day) -%}
    {%- set window = tier_rules().window -%}
    {%- if window.kind == 'rolling' -%}
        {{ day }} + {{ window.days }}
    {%- elif window.kind == 'calendar_year' -%}
        {{ day_number(dbt.dateadd('year', 1, dbt.date_trunc('year', date_of_day_number(day)))) }}
    {%- else -%}
        cast(null as bigint)
    {%- endif -%}
{%- endmacro %}

{#- Frame of the sum of net spend per customer, over the days on which it may change. -#}
{% macro tier_window_frame(customer, day) -%}
    {%- set window = tier_rules().window -%}
    {%- if window.kind == 'rolling' -%}
        partition by {{ customer }} order by {{ day }} range between {{ window.days - 1 }} preceding and current row
    {%- elif window.kind == 'calendar_year' -%}
        partition by {{ customer }}, extract(year from {{ date_of_day_number(day) }})
        order by {{ day }} range between unbounded preceding and current row
    {%- else -%}
        partition by {{ customer }} order by {{ day }} range between unbounded preceding and current row
    {%- endif -%}
{%- endmacro %}

{#- Why a stretch of a tier began, and what users read. -#}
{% macro tier_reasons() -%}
    {{ return({
        'entered': '入会', 'upgrade': '升级', 'downgrade': '降级', 'downgrade_at_review': '复核降级',
        'kept_at_review': '复核保级', 'protected': '保级期内', 'granted': '授予', 'grant_ended': '授予到期',
    }) }}
{%- endmacro %}

{% macro tier_reason_zh(reason) -%}
    case {{ reason }}
        {%- for code, name in tier_reasons().items() %}
        when '{{ code }}' then '{{ name }}'
        {%- endfor %}
    end
{%- endmacro %}

{#-
    What was said of tiers is kept by evenings: a run for a business day replaces what an earlier run for the same day
    said, and one that did not finish said nothing. A run for a day before the newest evening is a look back and says
    nothing either.
-#}
{% macro is_newest_evening() -%}
    {{ return(not evening_of('as_of > ' ~ this_evening())) }}
{%- endmacro %}

{#- The last evening before this run's on which something was said, as SQL; a null before the first. -#}
{% macro evening_before() -%}
    {%- set evening = evening_of('as_of < ' ~ this_evening()) -%}
    {{ return("cast('" ~ evening ~ "' as date)" if evening else 'cast(null as date)') }}
{%- endmacro %}

{% macro this_evening() -%}
    {{ return("cast('" ~ run_state().as_of ~ "' as date)") }}
{%- endmacro %}

{% macro evening_of(condition) -%}
    {%- set log = load_relation(run_log_relation()) if execute -%}
    {{ return(
        run_query('select max(as_of) from ' ~ log ~ " where state = 'complete' and " ~ condition).rows[0][0] if log
    ) }}
{%- endmacro %}

{#- Pre-hooks: of whom this run looks at again, everything; customers of the past that are no more stand only here. -#}
{% macro forget_said_of_touched(condition='1 = 1') %}
    {%- if is_incremental() and is_newest_evening() -%}
        delete from {{ this }} where {{ condition }}
        {%- if not run_state().is_rebuild %} and customer_id in (select customer_id from {{ ref('int_run__touched_customers') }}){% endif -%}
    {%- endif -%}
{% endmacro %}
