{#-
    Every `dbt build` or `dbt run` writes one row to meta.run_log before the first model and closes it after the
    last. From it the models know two things: what "now" is (as_of, known_load_id), and what the previous whole run
    had already seen. A run that did not finish, ran only part of the project, had other rules or other SQL, or went
    back in time leaves no base to build on: the next run is a rebuild, through the very same SQL with everyone
    touched.
-#}
{% macro run_log_relation() -%}
    {{ return(api.Relation.create(database=target.database, schema='meta', identifier='run_log')) }}
{%- endmacro %}

{% macro lake_dir() -%}
    {{ return(env_var('SIYU_HOME', '../var') ~ '/lake') }}
{%- endmacro %}

{% macro open_run() %}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% do limit_memory() %}
        {% do assert_rules_are_compiled() %}
        {% set log = run_log_relation() %}
        {% do run_query('create schema if not exists meta') %}
        {% do run_query(
            'create table if not exists ' ~ log ~ ' (run_no bigint, invocation_id varchar, as_of date, '
            ~ 'known_load_id varchar, previous_as_of date, previous_load_id varchar, is_rebuild boolean, '
            ~ 'config_hash varchar, state varchar)'
        ) %}
        {% set known = siyu_known_load_id() %}
        {% set as_of = siyu_as_of(known) %}
        {% set hash = config_hash() %}
        {% set rows = run_query('select run_no, as_of, known_load_id, config_hash, state from ' ~ log ~ ' order by run_no desc limit 1').rows %}
        {% set last = rows[0] if rows | length else none %}
        {% set rebuild = last is none or flags.FULL_REFRESH or last[4] != 'complete' or last[3] != hash
            or last[1] | string > as_of or last[2] > known or missing_incremental_models() %}
        {% do run_query(
            'insert into ' ~ log ~ ' values (' ~ ((last[0] + 1) if last else 1) ~ ", '" ~ invocation_id ~ "', date '" ~ as_of ~ "', '"
            ~ known ~ "', " ~ ("null" if rebuild else "date '" ~ last[1] ~ "'") ~ ", '" ~ ('' if rebuild else last[2]) ~ "', "
            ~ rebuild | string | lower ~ ", '" ~ hash ~ "', 'open')"
        ) %}
        {% do log_line('as_of ' ~ as_of ~ ', known load ' ~ known ~ (', rebuild' if rebuild else ', since ' ~ last[2])) %}
    {% endif %}
    {{ return('') }}
{% endmacro %}

{#- The identity holds its graph in memory beside the engine: on a small machine give the engine less (SIYU_WAREHOUSE_MEMORY). -#}
{% macro limit_memory() -%}
    {{ return(adapter.dispatch('limit_memory', 'siyu')()) }}
{%- endmacro %}

{% macro default__limit_memory() -%}
{%- endmacro %}

{% macro duckdb__limit_memory() -%}
    {%- set most = env_var('SIYU_WAREHOUSE_MEMORY', '') -%}
    {%- if most -%}{%- do run_query("set memory_limit = '" ~ most ~ "'") -%}{%- endif -%}
{%- endmacro %}

{% macro log_line(text) %}
    {% do log('siyu: ' ~ text, info=true) %}
{% endmacro %}

{% macro close_run(results) %}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% set built = [] %}
        {% for result in results if result.node.resource_type == 'model' and result.status == 'success' %}
            {% do built.append(result.node.unique_id) %}
        {% endfor %}
        {% set missing = [] %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and node.unique_id not in built %}
            {% do missing.append(node.name) %}
        {% endfor %}
        {% do run_query(
            'update ' ~ run_log_relation() ~ " set state = '" ~ ('partial' if missing else 'complete')
            ~ "' where invocation_id = '" ~ invocation_id ~ "'"
        ) %}
    {% endif %}
    {{ return('') }}
{% endmacro %}

{#- The newest admitted load that this run may see. -#}
{% macro siyu_known_load_id() %}
    {% set wanted = var('known_at') or env_var('SIYU_KNOWN_AT', '') %}
    {% set bound = wanted if wanted else '99999999T' %}
    {% if wanted and not modules.re.match('^[0-9]{8}T[0-9]{12}Z$', wanted) %}
        {% do exceptions.raise_compiler_error("known_at: expected a load id like 20261121T013000000000Z (UTC), got '" ~ wanted ~ "'") %}
    {% endif %}
    {% set newest = run_query(
        "select coalesce(max(regexp_extract(file, 'load_id=([0-9TZ]+)', 1)), '') from glob('" ~ lake_dir()
        ~ "/*/*/*/part-*.parquet') where regexp_extract(file, 'load_id=([0-9TZ]+)', 1) <= '" ~ bound ~ "'"
    ).rows[0][0] %}
    {{ return(newest) }}
{% endmacro %}

{% macro siyu_as_of(known_load_id) %}
    {% set wanted = var('as_of') or env_var('SIYU_AS_OF', '') %}
    {% if wanted %}
        {% if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', wanted | string) %}
            {% do exceptions.raise_compiler_error("as_of: expected a business day like 2026-11-20, got '" ~ wanted ~ "'") %}
        {% endif %}
        {{ return(wanted | string) }}
    {% endif %}
    {% if known_load_id < '0001' %}
        {% do exceptions.raise_compiler_error('the lake at ' ~ lake_dir() ~ ' is empty; ingest something, or set SIYU_AS_OF') %}
    {% endif %}
    {{ return(run_query(
        "select cast(" ~ business_date(load_instant("'" ~ known_load_id ~ "'")) ~ " - interval 1 day as date)"
    ).rows[0][0] | string) }}
{% endmacro %}

{#- What the answers depend on besides the data: rules, policy, business time zone and the SQL itself. -#}
{% macro config_hash() %}
    {% set parts = [
        business_timezone(), rules_answers_digest(), var('member_tiers'), var('member_tier_rules'),
        var('points_rules'), var('retention'), var('repurchase_days'), var('lifecycle_matrix'), var('segment_lift'),
        var('identity_types'), var('identity_sources'), var('identity_blocked_values'), var('golden_record'),
        var('noise_rules'), var('noise_identifiers'), var('wecom_tag_group'), var('predictions'),
        var('prediction_scoring_days'), local_md5(env_var('SIYU_DRAW_DIGEST', '')),
    ] %}
    {% for node in graph.nodes.values() | sort(attribute='unique_id') if node.resource_type == 'model' %}
        {#- A table made before its constraints were declared would never get them. -#}
        {% set constraints = node.columns.values() | map(attribute='constraints') | list %}
        {% set types = node.columns.values() | map(attribute='data_type') | list %}
        {% do parts.append(node.unique_id ~ node.checksum.checksum ~ constraints ~ types) %}
    {% endfor %}
    {% do parts.append(macros_digest()) %}
    {{ return(local_md5(tojson(parts))) }}
{% endmacro %}

{#- A model's checksum is that of its own file, and much of the SQL stands in macros. -#}
{% macro macros_digest() -%}
    {{ return(adapter.dispatch('macros_digest', 'siyu')()) }}
{%- endmacro %}

{#- Elsewhere it has to be said by hand: `--full-refresh`. -#}
{% macro default__macros_digest() -%}
    {{ return('') }}
{%- endmacro %}

{% macro duckdb__macros_digest() -%}
    {%- set files = invocation_args_dict.get('project_dir') ~ '/macros/*.sql' -%}
    {{ return(run_query(
        "select md5(string_agg(content, '' order by filename)) from read_text('" ~ files ~ "')"
    ).rows[0][0]) }}
{%- endmacro %}

{% macro missing_incremental_models() %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'incremental' %}
        {% if adapter.get_relation(database=target.database, schema=node.schema, identifier=node.alias) is none %}
            {{ return(true) }}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}

{#- This run's row of the log; outside a run (compile, test, docs) the newest one, or one that shows nothing.
    Read once an invocation, not once a model: dbt hands every model the same `graph`. -#}
{% macro run_state() %}
    {% set kept = 'siyu_run_state ' ~ invocation_id %}
    {% if kept in graph %}
        {{ return(graph[kept]) }}
    {% endif %}
    {% set nothing = {'as_of': '1970-01-01', 'known_load_id': '', 'previous_as_of': none, 'previous_load_id': '', 'is_rebuild': true} %}
    {% if not execute or load_relation(run_log_relation()) is none %}
        {{ return(nothing) }}
    {% endif %}
    {% set rows = run_query(
        'select as_of, known_load_id, previous_as_of, previous_load_id, is_rebuild from ' ~ run_log_relation()
        ~ " order by invocation_id = '" ~ invocation_id ~ "' desc, run_no desc limit 1"
    ).rows %}
    {% if not rows | length %}
        {{ return(nothing) }}
    {% endif %}
    {% set state = {'as_of': rows[0][0] | string, 'known_load_id': rows[0][1], 'previous_as_of': rows[0][2],
                    'previous_load_id': rows[0][3], 'is_rebuild': rows[0][4]} %}
    {% do graph.update({kept: state}) %}
    {{ return(state) }}
{% endmacro %}

{#- Condition on load_id: the loads this run sees for the first time. Literals, so that only their files are read. -#}
{% macro is_new_load(column='load_id') -%}
    {%- set state = run_state() -%}
    {{ column }} > '{{ state.previous_load_id }}' and {{ column }} <= '{{ state.known_load_id }}'
{%- endmacro %}

{#- The same condition on a load's number (load_number()). -#}
{% macro is_new_load_number(column) -%}
    {%- set state = run_state() -%}
    {%- set format = '%Y%m%dT%H%M%S%fZ' -%}
    {%- set epoch = modules.datetime.datetime(1970, 1, 1) -%}
    {%- set micros = [] -%}
    {%- for load_id in (state.previous_load_id, state.known_load_id) -%}
        {%- do micros.append(
            ((modules.datetime.datetime.strptime(load_id, format) - epoch).total_seconds() * 1000000) | round | int
            if load_id > '0001' else -1
        ) -%}
    {%- endfor -%}
    {{ column }} > {{ micros[0] }} and {{ column }} <= {{ micros[1] }}
{%- endmacro %}

{#- Pre-hook of append-only models. -#}
{% macro forget_all_if_rebuild() %}
    {%- if is_incremental() and run_state().is_rebuild -%}
        delete from {{ this }}
    {%- endif -%}
{% endmacro %}

{#- Pre-hook of customer-grain models: touched customers are forgotten, then recomputed whole from their facts. -#}
{% macro forget_touched_customers() %}
    {{- forget_where('customer_id in (select customer_id from ' ~ ref('int_run__touched_customers') ~ ')') -}}
{% endmacro %}

{#- What an incremental run is about to compute again; on a rebuild, everything. -#}
{% macro forget_where(condition) %}
    {%- if is_incremental() -%}
        delete from {{ this }}{% if not run_state().is_rebuild %} where {{ condition }}{% endif %}
    {%- endif -%}
{% endmacro %}
