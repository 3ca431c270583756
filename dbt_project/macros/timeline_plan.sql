{#- What the used features need: running sums by column, the measures they are of, and per window the measures it counts. -#}
{% macro timeline_plan(used) %}
    {% set plan = {'measures': [], 'sums': {}, 'windows': {}, 'ratios': {}, 'carried': [], 'calendar': false} %}
    {% for column, feature in used.items() %}
        {% if feature.measure %}
            {% do plan.sums.update({column: {'measure': feature.measure.name, 'window': feature.window}}) %}
        {% elif feature.ratio %}
            {% set parts = {} %}
            {% for side in ('of', 'per') %}
                {% set measure = measure_named(feature.ratio[side]) %}
                {% set part = windowed_name(measure, feature.window) if feature.window else measure.name %}
                {% do parts.update({side: part}) %}
                {% do plan.sums.update({part: {'measure': measure.name, 'window': feature.window}}) %}
            {% endfor %}
            {% do plan.ratios.update({column: {'of': parts.of, 'per': parts.per, 'scale': feature.ratio.scale}}) %}
        {% elif feature.carried %}
            {% do plan.carried.append(column) %}
        {% elif feature.calendar %}
            {% do plan.update({'calendar': true}) %}
        {% endif %}
    {% endfor %}
    {% for sum in plan.sums.values() %}
        {% if sum.measure not in plan.measures %}{% do plan.measures.append(sum.measure) %}{% endif %}
        {% if sum.window %}
            {% if sum.window not in plan.windows %}{% do plan.windows.update({sum.window: []}) %}{% endif %}
            {% do plan.windows[sum.window].append(sum.measure) %}
        {% endif %}
    {% endfor %}
    {{ return(plan) }}
{% endmacro %}

{% macro measure_named(name) %}
    {{ return(feature_definitions().measures | selectattr('name', 'equalto', name) | first) }}
{% endmacro %}

{#- What dim_customers shows, whatever the rules ask. -#}
{% macro customer_measures() %}
    {{ return({
        'measures': [
            'order_count', 'net_fen', 'live_order_count', 'refund_count', 'coupon_use_count', 'contact_add_count',
            'group_join_count',
        ],
        'windows': [30, 90, 365],
    }) }}
{% endmacro %}

{#- Measures that int_run__events and int_run__daily have to hold, in the order of their declaration. -#}
{% macro measures_in_use() %}
    {% set wanted = timeline_plan(used_features(tag_definitions(), segment_definitions())).measures + customer_measures().measures %}
    {{ return(feature_definitions().measures | map(attribute='name') | select('in', wanted) | list) }}
{% endmacro %}

{% macro used_of_kind(kind) %}
    {% set names = [] %}
    {% for column, feature in used_features(tag_definitions(), segment_definitions()).items() if feature[kind] %}
        {% do names.append(column) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}

{#- Window in days -> kinds of events (int_run__observed) that something counts in it. -#}
{% macro touching_windows() %}
    {% set found = {} %}
    {% set counted = {} %}
    {% for days, measures in timeline_plan(used_features(tag_definitions(), segment_definitions())).windows.items() %}
        {% do counted.update({days: measures}) %}
    {% endfor %}
    {% for days in customer_measures().windows %}
        {% do counted.update({days: counted.get(days, []) + customer_measures().measures}) %}
    {% endfor %}
    {% for days in counted | sort %}
        {% set kinds = [] %}
        {% for measure in counted[days] %}
            {% for kind in measure_named(measure).events if kind not in kinds %}{% do kinds.append(kind) %}{% endfor %}
        {% endfor %}
        {% do found.update({days: kinds | sort}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
