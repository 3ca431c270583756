{#-
    Tags and segments are data (vars.tags, vars.segments in dbt_project.yml), compiled here into one pass over the
    customers' timeline. A condition is {feature, op, value}, or all / any (lists) or not (one) of conditions. Every
    value is typed and escaped; whatever is wrong fails when the project is parsed.
-#}

{#- What is summed per customer and day: total over all time, `window` with the number of days put in. -#}
{% macro measures() %}
    {{ return([
        {'daily': 'order_count', 'total': 'order_count', 'window': 'orders_%sd_count'},
        {'daily': 'net_fen', 'total': 'net_fen', 'window': 'net_%sd_fen'},
        {'daily': 'live_order_count', 'total': 'live_order_count', 'window': 'live_orders_%sd_count'},
        {'daily': 'refund_count', 'total': 'refund_count', 'window': 'refunds_%sd_count'},
        {'daily': 'coupon_use_count', 'total': 'coupon_use_count', 'window': 'coupon_uses_%sd_count'},
        {'daily': 'contact_add_count', 'total': 'contact_add_count', 'window': 'contact_adds_%sd_count'},
        {'daily': 'group_join_count', 'total': 'group_join_count', 'window': 'group_joins_%sd_count'},
    ]) }}
{% endmacro %}

{#- Features a rule may use -> their type. -#}
{% macro features() %}
    {% set known = {'gender': 'text', 'birth_month': 'number', 'city': 'text', 'first_channel_code': 'text'} %}
    {% for measure in measures() %}
        {% do known.update({measure.total: 'number'}) %}
        {% for days in var('windows') %}
            {% do known.update({measure.window % days: 'number'}) %}
        {% endfor %}
    {% endfor %}
    {{ return(known) }}
{% endmacro %}

{% macro rule_error(where, expected, got) %}
    {% do exceptions.raise_compiler_error('dbt_project.yml, ' ~ where ~ ': expected ' ~ expected ~ ', got ' ~ tojson(got)) %}
{% endmacro %}

{% macro sql_value(value, type, where) %}
    {% if type == 'number' %}
        {% if value is not number or value is boolean %}{% do rule_error(where, 'a number', value) %}{% endif %}
        {{ return(value | string) }}
    {% endif %}
    {% if value is not string %}{% do rule_error(where, 'a text', value) %}{% endif %}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{% endmacro %}

{% macro compile_condition(condition, where) %}
    {% if condition is not mapping %}{% do rule_error(where, 'a condition', condition) %}{% endif %}
    {% for word, joiner in [('all', ' and '), ('any', ' or ')] if word in condition %}
        {% set parts = [] %}
        {% for part in condition[word] %}
            {% do parts.append(compile_condition(part, where ~ '.' ~ word ~ '[' ~ loop.index0 ~ ']')) %}
        {% endfor %}
        {% if condition | length != 1 or not parts %}{% do rule_error(where, 'only a non-empty ' ~ word, condition) %}{% endif %}
        {{ return('(' ~ parts | join(joiner) ~ ')') }}
    {% endfor %}
    {% if 'not' in condition %}
        {{ return('(not ' ~ compile_condition(condition['not'], where ~ '.not') ~ ')') }}
    {% endif %}
    {% set type = features().get(condition.get('feature')) %}
    {% if type is none %}
        {% do rule_error(where, 'one of the features ' ~ features().keys() | sort | join(', '), condition.get('feature')) %}
    {% endif %}
    {% set ops = ['=', '!=', 'in'] + (['>', '>=', '<', '<='] if type == 'number' else []) %}
    {% if condition.get('op') not in ops %}{% do rule_error(where ~ '.op', 'one of ' ~ ops | join(' '), condition.get('op')) %}{% endif %}
    {% if condition.op == 'in' %}
        {% set values = [] %}
        {% for value in condition.value %}{% do values.append(sql_value(value, type, where ~ '.value')) %}{% endfor %}
        {% set right = '(' ~ values | join(', ') ~ ')' %}
    {% else %}
        {% set right = sql_value(condition.value, type, where ~ '.value') %}
    {% endif %}
    {# An unknown value satisfies no condition; without this, `not` would turn NULL into neither. #}
    {{ return('coalesce(' ~ condition.feature ~ ' ' ~ condition.op | replace('!=', '<>') ~ ' ' ~ right ~ ', false)') }}
{% endmacro %}

{#- SQL of a tag's value on one row of the timeline; NULL means the customer does not carry the tag. -#}
{% macro compile_tag(tag) %}
    {% set where = 'vars.tags.' ~ tag.get('code') %}
    {% if not modules.re.match('^[a-z][a-z0-9_]*$', tag.get('code') | string) %}
        {% do rule_error('vars.tags', 'a code of lower-case letters, digits and _', tag.get('code')) %}
    {% endif %}
    {% for field in ['name_zh', 'family', 'made', 'ageing', 'version', 'owner', 'description_zh'] if field not in tag %}
        {% do rule_error(where, 'a field ' ~ field, tag) %}
    {% endfor %}
    {% if tag.made == 'fact' %}
        {% if tag.get('feature') not in features() %}
            {% do rule_error(where ~ '.feature', 'one of the features ' ~ features().keys() | sort | join(', '), tag.get('feature')) %}
        {% endif %}
        {{ return('cast(' ~ tag.feature ~ ' as varchar)') }}
    {% endif %}
    {% if tag.made != 'rule' or not tag.get('cases') %}{% do rule_error(where, 'made: fact with a feature, or made: rule with cases', tag.made) %}{% endif %}
    {% set cases = [] %}
    {% for case in tag.cases %}
        {% set place = where ~ '.cases[' ~ loop.index0 ~ ']' %}
        {% do cases.append('when ' ~ compile_condition(case.get('when'), place ~ '.when') ~ ' then ' ~ sql_value(case.get('value'), 'text', place ~ '.value')) %}
    {% endfor %}
    {{ return('case ' ~ cases | join(' ') ~ ' end') }}
{% endmacro %}

{% macro compile_segment(segment) %}
    {% set where = 'vars.segments.' ~ segment.get('code') %}
    {% if not modules.re.match('^[a-z][a-z0-9_]*$', segment.get('code') | string) %}
        {% do rule_error('vars.segments', 'a code of lower-case letters, digits and _', segment.get('code')) %}
    {% endif %}
    {% for field in ['name_zh', 'description_zh', 'owner', 'version', 'destinations', 'tag_name', 'holdout_ratio', 'when'] if field not in segment %}
        {% do rule_error(where, 'a field ' ~ field, segment) %}
    {% endfor %}
    {% for destination in segment.destinations if destination not in ['wecom_tags', 'file_export', 'webhook', 'postgresql_table'] %}
        {% do rule_error(where ~ '.destinations', 'wecom_tags, file_export, webhook or postgresql_table', destination) %}
    {% endfor %}
    {% if segment.holdout_ratio is not number or segment.holdout_ratio < 0 or segment.holdout_ratio >= 1 %}
        {% do rule_error(where ~ '.holdout_ratio', 'a number from 0 to below 1', segment.holdout_ratio) %}
    {% endif %}
    {{ return(compile_condition(segment.when, where ~ '.when')) }}
{% endmacro %}

{#- Intervals of a verdict column over the timeline: one row per stretch of days with the same value. -#}
{% macro verdict_changes(prefix, items) %}
with stretched as (

    select
        customer_id,
        change_day
        {%- for item in items %},
        {{ prefix }}{{ item.code }},
        lag({{ prefix }}{{ item.code }}) over (partition by customer_id order by change_day) as before_{{ item.code }}
        {%- endfor %}
    from {{ ref('int_run__verdicts') }}

),

changes as (
    {% for item in items %}
    {{ 'union all' if not loop.first }}
    select
        customer_id,
        change_day,
        '{{ item.code }}' as code,
        {{ item.version }} as rule_version,
        {{ prefix }}{{ item.code }} as verdict
    from stretched
    where {{ prefix }}{{ item.code }} is distinct from before_{{ item.code }}
    {% endfor %}
),

intervals as (

    select
        *,
        lead(change_day) over (partition by customer_id, code order by change_day) as next_change_day
    from changes

)
{% endmacro %}
