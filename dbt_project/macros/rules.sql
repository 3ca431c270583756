{#-
    Tags and segments are data (dbt_project/rules/, see generated/rules.sql), compiled here into one pass over the
    customers' timeline. The files are checked before dbt starts (`siyu rules check`); here every value is typed and
    escaped once more, since a unit test may put its own in.
-#}
{% macro rule_error(where, expected, got) %}
    {% set file = 'dbt_project.yml, ' if where.startswith('vars.') else '' %}
    {% do exceptions.raise_compiler_error(file ~ where ~ ': expected ' ~ expected ~ ', got ' ~ tojson(got)) %}
{% endmacro %}

{% macro sql_value(value, type, where) %}
    {% if type == 'number' %}
        {% if value is not number or value is boolean %}{% do rule_error(where, 'a number', value) %}{% endif %}
        {{ return(value | string) }}
    {% endif %}
    {% if value is not string %}{% do rule_error(where, 'a text', value) %}{% endif %}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{% endmacro %}

{#- Column of a measure over the last so many days. -#}
{% macro windowed_name(measure, days) %}
    {{ return(measure.windowed | replace('{days}', days | string)) }}
{% endmacro %}

{#- Features a rule may use, by column -> type and what it is made of (rules/features.yml), in the order of declaration. -#}
{% macro features() %}
    {% set known = {} %}
    {% set declared = feature_definitions() %}
    {% for attribute in declared.attributes %}{% do known.update({attribute.name: {'type': attribute.type}}) %}{% endfor %}
    {% for kind, entries in [('measure', declared.measures), ('ratio', declared.ratios)] %}
        {% for entry in entries %}
            {% do known.update({entry.name: {'type': 'number', kind: entry}}) %}
            {% for days in declared.windows if entry.windowed %}
                {% do known.update({windowed_name(entry, days): {'type': 'number', kind: entry, 'window': days}}) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {% for entry in declared.carried %}{% do known.update({entry.name: {'type': 'text', 'carried': true}}) %}{% endfor %}
    {% for entry in declared.calendar %}{% do known.update({entry.name: {'type': 'number', 'calendar': true}}) %}{% endfor %}
    {{ return(known) }}
{% endmacro %}

{#- Column that a condition asks about. -#}
{% macro feature_column(condition, known, where) %}
    {% if 'window' not in condition %}
        {% if condition.feature not in known %}{% do rule_error(where, 'a declared feature', condition.feature) %}{% endif %}
        {{ return(condition.feature) }}
    {% endif %}
    {% for column, feature in known.items() if feature.window == condition.window and (feature.measure or feature.ratio).name == condition.feature %}
        {{ return(column) }}
    {% endfor %}
    {% do rule_error(where, 'a declared measure and window', [condition.feature, condition.window]) %}
{% endmacro %}

{#- The conditions in a condition that hold no others. -#}
{% macro condition_leaves(condition) %}
    {% set found = [] %}
    {% if 'all' in condition or 'any' in condition %}
        {% for part in condition.get('all') or condition.get('any') %}{% do found.extend(condition_leaves(part)) %}{% endfor %}
    {% elif 'not' in condition %}
        {% do found.extend(condition_leaves(condition['not'])) %}
    {% else %}
        {% do found.append(condition) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}

{#- The same of a whole tag, earlier versions included, or segment. -#}
{% macro rule_leaves(item) %}
    {% set found = [] %}
    {% for version in [item] + item.get('earlier', []) %}
        {% for case in version.get('cases', []) %}{% do found.extend(condition_leaves(case.when)) %}{% endfor %}
        {% for step in segment_steps(version) if 'when' in version %}{% do found.extend(condition_leaves(step.when)) %}{% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- Columns of the timeline that some rule asks about, in the order of their declaration: nothing else is computed. -#}
{% macro used_features(tags, segments) %}
    {% set known = features() %}
    {% set asked = [] %}
    {% for measure in feature_definitions().measures if measure.always %}{% do asked.append(measure.name) %}{% endfor %}
    {% for item in tags + segments %}
        {% if 'feature' in item %}{% do asked.append(item.feature) %}{% endif %}
        {% for leaf in rule_leaves(item) if 'feature' in leaf %}
            {% do asked.append(feature_column(leaf, known, 'rule of ' ~ item.code)) %}
        {% endfor %}
    {% endfor %}
    {% set used = {} %}
    {% for column, feature in known.items() if column in asked %}{% do used.update({column: feature}) %}{% endfor %}
    {{ return(used) }}
{% endmacro %}

{% macro compile_condition(condition, known, where) %}
    {% if condition is not mapping %}{% do rule_error(where, 'a condition', condition) %}{% endif %}
    {% for word, joiner in [('all', ' and '), ('any', ' or ')] if word in condition %}
        {% set parts = [] %}
        {% for part in condition[word] %}{% do parts.append(compile_condition(part, known, where)) %}{% endfor %}
        {{ return('(' ~ parts | join(joiner) ~ ')') }}
    {% endfor %}
    {% if 'not' in condition %}{{ return('(not ' ~ compile_condition(condition['not'], known, where) ~ ')') }}{% endif %}
    {# An unknown value satisfies no condition; without coalesce, `not` would turn NULL into neither. #}
    {% if 'segment' in condition %}{{ return('(' ~ rule_column('failed', condition.segment) ~ ' = 0)') }}{% endif %}
    {% if 'has_tag' in condition %}
        {% set carried = rule_column('tag', condition.has_tag) %}
        {% if 'value' not in condition and 'in' not in condition %}{{ return('(' ~ carried ~ ' is not null)') }}{% endif %}
        {% set values = condition['in'] if 'in' in condition else [condition.value] %}
        {{ return('coalesce(' ~ carried ~ ' in ' ~ sql_list(values, 'text', where) ~ ', false)') }}
    {% endif %}
    {% set column = feature_column(condition, known, where) %}
    {% set type = known[column].type %}
    {% set ops = ['=', '!=', 'in', 'not_in'] + (['>', '>=', '<', '<=', 'between'] if type == 'number' else []) %}
    {% if condition.op not in ops %}{% do rule_error(where, 'one of ' ~ ops | join(' '), condition.op) %}{% endif %}
    {% if condition.op in ('in', 'not_in') %}
        {% set test = condition.op | replace('_', ' ') ~ ' ' ~ sql_list(condition.value, type, where) %}
    {% elif condition.op == 'between' %}
        {% set test = 'between ' ~ sql_value(condition.value[0], type, where) ~ ' and ' ~ sql_value(condition.value[1], type, where) %}
    {% else %}
        {% set test = condition.op | replace('!=', '<>') ~ ' ' ~ sql_value(condition.value, type, where) %}
    {% endif %}
    {{ return('coalesce(' ~ column ~ ' ' ~ test ~ ', false)') }}
{% endmacro %}

{% macro sql_list(values, type, where) %}
    {% set found = [] %}
    {% for value in values %}{% do found.append(sql_value(value, type, where)) %}{% endfor %}
    {{ return('(' ~ found | join(', ') ~ ')') }}
{% endmacro %}

{#- Column of a verdict: tag_<code>, failed_<code> or seg_<code>. -#}
{% macro rule_column(prefix, code) %}
    {% if not modules.re.match('^[a-z][a-z0-9_]*$', code | string) %}
        {% do rule_error('rules', 'a code of lower-case letters, digits and _', code) %}
    {% endif %}
    {{ return(prefix ~ '_' ~ code) }}
{% endmacro %}

{#- SQL of a tag's value on one row of the timeline; NULL means the customer does not carry the tag. -#}
{% macro compile_tag(tag, known) %}
    {% set where = 'tag ' ~ tag.code %}
    {% if 'feature' in tag %}
        {{ return('cast(' ~ feature_column({'feature': tag.feature}, known, where) ~ ' as varchar)') }}
    {% endif %}
    {% set values = tag_values(tag) %}
    {% set sql = compile_cases(tag.cases, known, where, values) %}
    {% if not tag.earlier %}{{ return(sql) }}{% endif %}
    {% set versions = ['case'] %}
    {% for each in earlier_versions(tag) %}
        {% do versions.append('when change_day < ' ~ each.before_day ~ ' then ' ~ compile_cases(each.cases, known, where, values)) %}
    {% endfor %}
    {{ return(versions | join(' ') ~ ' else ' ~ sql ~ ' end') }}
{% endmacro %}

{#- The values a rule tag can have, earlier versions included. -#}
{% macro tag_values(tag) %}
    {% set found = [] %}
    {% for version in [tag] + tag.get('earlier', []) %}
        {% for case in version.cases if case.value not in found %}{% do found.append(case.value) %}{% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#-
    A value of a rule tag: one of a few texts, as a type of its own where the engine has one. A byte instead of a text halves the
    time of the verdicts and of what compares them (1.4 M rows, 79 tags: 13.6 to 7.7 and 27.5 to 13.7 CPU seconds, 2026-11-22).
-#}
{% macro one_of(value, values, where) -%}
    {{ return(adapter.dispatch('one_of', 'siyu')(value, values, where)) }}
{%- endmacro %}

{% macro default__one_of(value, values, where) -%}
    {{ return(sql_value(value, 'text', where)) }}
{%- endmacro %}

{% macro duckdb__one_of(value, values, where) -%}
    {%- set listed = sql_list(values, 'text', where) -%}
    {{ return('cast(' ~ sql_value(value, 'text', where) ~ ' as enum' ~ listed ~ ')') }}
{%- endmacro %}

{% macro compile_cases(cases, known, where, values) %}
    {% set found = [] %}
    {% for case in cases %}
        {% do found.append('when ' ~ compile_condition(case.when, known, where) ~ ' then ' ~ one_of(case.value, values, where)) %}
    {% endfor %}
    {{ return('case ' ~ found | join(' ') ~ ' end') }}
{% endmacro %}

{#- Earlier versions of a tag or segment, the first one first, each with the day (since 1970-01-01) before which it holds. -#}
{% macro earlier_versions(tag) %}
    {% set found = [] %}
    {% set newer = [tag] + tag.get('earlier', []) %}
    {% for each in tag.get('earlier', []) | reverse %}
        {% set after = newer[newer | length - 2 - loop.index0] %}
        {% do found.append(dict(each, before_day=day_number_of_text(after.effective_from))) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- Days (since 1970-01-01) from which on some tag or segment has another version. -#}
{% macro version_days() %}
    {% set found = [] %}
    {% for item in tag_definitions() + segment_definitions() %}
        {% for each in earlier_versions(item) if each.before_day not in found %}{% do found.append(each.before_day) %}{% endfor %}
    {% endfor %}
    {{ return(found | sort) }}
{% endmacro %}

{#- SQL of the version of a tag (or segment) on a day. -#}
{% macro rule_version_on(item, day) %}
    {% set found = [] %}
    {% for each in earlier_versions(item) %}{% do found.append('when ' ~ day ~ ' < ' ~ each.before_day ~ ' then ' ~ each.version) %}{% endfor %}
    {{ return('case ' ~ found | join(' ') ~ ' else ' ~ item.version ~ ' end' if found else item.version | string) }}
{% endmacro %}

{% macro day_number_of_text(day) %}
    {% set date = modules.datetime.datetime.strptime(day | string, '%Y-%m-%d') %}
    {{ return((date - modules.datetime.datetime(1970, 1, 1)).days) }}
{% endmacro %}

{#-
    All rules as layers of {column: SQL}: a rule that asks for a tag or a segment stands in a layer above it. One pass
    over the rows still, since a layer is only a subselect.
-#}
{% macro rule_layers(tags, segments) %}
    {% set known = features() %}
    {% set waiting = {} %}
    {% for tag in tags %}
        {% do waiting.update({rule_column('tag', tag.code): {'sql': compile_tag(tag, known), 'needs': needed_verdicts(tag)}}) %}
    {% endfor %}
    {% for segment in segments %}
        {% do waiting.update({rule_column('failed', segment.code): {
            'sql': compile_segment(segment, known), 'needs': needed_verdicts(segment)
        }}) %}
    {% endfor %}
    {% set layers = [] %}
    {% for _ in range(waiting | length) if waiting %}
        {% set layer = {} %}
        {% for column, rule in waiting.items() if rule.needs | select('in', waiting) | list | length == 0 %}
            {% do layer.update({column: rule.sql}) %}
        {% endfor %}
        {% if not layer %}{% do rule_error('rules', 'rules that do not lean on themselves', waiting | list) %}{% endif %}
        {% for column in layer %}{% do waiting.pop(column) %}{% endfor %}
        {% do layers.append(layer) %}
    {% endfor %}
    {{ return(layers) }}
{% endmacro %}

{#- Columns of the verdicts that a tag or segment asks for. -#}
{% macro needed_verdicts(item) %}
    {% set found = [] %}
    {% for leaf in rule_leaves(item) %}
        {% if 'has_tag' in leaf %}{% do found.append(rule_column('tag', leaf.has_tag)) %}{% endif %}
        {% if 'segment' in leaf %}{% do found.append(rule_column('failed', leaf.segment)) %}{% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- The generated macros are those of the files; else a plain `dbt build` would run old rules. -#}
{% macro assert_rules_are_compiled() -%}
    {%- set digest = rules_digest() -%}
    {%- if digest is not none and digest != compiled_rules_digest() -%}
        {% do exceptions.raise_compiler_error('rules changed since they were compiled: run `siyu rules compile`') %}
    {%- endif -%}
{%- endmacro %}

{#- Digest of the rule files as they are now; none where the engine cannot read files. -#}
{% macro rules_digest() -%}
    {{ return(adapter.dispatch('rules_digest', 'siyu')()) }}
{%- endmacro %}

{% macro default__rules_digest() -%}
    {{ return(none) }}
{%- endmacro %}

{% macro duckdb__rules_digest() -%}
    {%- set files = invocation_args_dict.get('project_dir') ~ '/rules/**/*.yml' -%}
    {{ return(run_query(
        "select md5(string_agg(regexp_extract(filename, '[^/]+$') || chr(10) || content, '' order by filename)) from read_text('"
        ~ files ~ "')"
    ).rows[0][0]) }}
{%- endmacro %}
