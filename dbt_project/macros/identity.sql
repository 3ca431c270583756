{#- A table of the identity as the previous run left it, empty where there is nothing to build on. Ends in a WHERE. -#}
{% macro select_from_before(name, columns, condition=none, schema='intermediate') -%}
    {%- set before = load_relation(api.Relation.create(database=target.database, schema=schema, identifier=name)) if execute -%}
    {%- if before and not run_state().is_rebuild -%}
        select {{ columns.keys() | join(', ') }}
        from {% if condition %}({{ few_rows(before, condition) }}) as few{% else %}{{ before }}{% endif %} where 1 = 1
    {%- else -%}
        select * from (
            select
            {%- for column, type in columns.items() %}
            cast(null as {{ type }}) as {{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as nothing
        where 1 = 0
    {%- endif -%}
{%- endmacro %}

{#-
    The few rows of a large table for which a condition on one number holds. The rows are found by that column alone and
    then fetched whole: reading the other columns of all rows along takes several times as long. On a rebuild nearly all
    are wanted and all are given: use it only before a join that drops the rest.
-#}
{% macro few_rows(relation, condition) -%}
    {{ return(adapter.dispatch('few_rows', 'siyu')(relation, condition)) }}
{%- endmacro %}

{% macro default__few_rows(relation, condition) -%}
    select * from {{ relation }} where {{ condition }}
{%- endmacro %}

{% macro duckdb__few_rows(relation, condition) -%}
    {%- if run_state().is_rebuild -%}
        select * from {{ relation }}
    {%- else -%}
        select * from {{ relation }} where rowid in (select rowid from {{ relation }} where {{ condition }})
    {%- endif -%}
{%- endmacro %}

{#- Why a value never joins anybody, by the list in dbt_project.yml; null when it may. -#}
{% macro blocked_reason(identifier_key) -%}
    {%- set blocked = var('identity_blocked_values') -%}
    {%- if blocked -%}
    case
        {%- for each in blocked %}
        when {{ identifier_key }} = {{ sql_value(each.identifier_key, 'text', 'vars.identity_blocked_values') }}
            then {{ sql_value(each.reason, 'text', 'vars.identity_blocked_values') }}
        {%- endfor %}
    end
    {%- else -%}
    cast(null as varchar)
    {%- endif -%}
{%- endmacro %}

{#- Trust in a kind of record: its place in vars.identity_sources, 1 is the most trusted. -#}
{% macro identity_source_rank(source_code) -%}
    {%- set sources = var('identity_sources') -%}
    {%- if source_code not in sources %}{% do rule_error('vars.identity_sources', 'a rank for ' ~ source_code, sources) %}{% endif -%}
    cast({{ sources.index(source_code) + 1 }} as bigint)
{%- endmacro %}

{#- 128 bits that stand for a text where only equality counts: 16 bytes join and group faster than any text. -#}
{% macro digest(expression) -%}
    {{ return(adapter.dispatch('digest', 'siyu')(expression)) }}
{%- endmacro %}

{% macro default__digest(expression) -%}
    md5({{ expression }})
{%- endmacro %}

{% macro duckdb__digest(expression) -%}
    md5_number({{ expression }})
{%- endmacro %}

{% macro digest_type() -%}
    {{ return(adapter.dispatch('digest_type', 'siyu')()) }}
{%- endmacro %}

{% macro default__digest_type() -%}
    {{ return('string') }}
{%- endmacro %}

{% macro duckdb__digest_type() -%}
    {{ return('uhugeint') }}
{%- endmacro %}

{#- Siyu's own id of a customer: a digest of her earliest-loaded identifier. -#}
{% macro customer_id_of(anchor_key) -%}
    'c' || substr(md5({{ anchor_key }}), 1, 20)
{%- endmacro %}

{#-
    One star per version of a record: every identifier is joined to the record's strongest one, its hub. `versions` is a
    condition on int_run__record_identifiers.
-#}
{% macro stars_of_records(versions) -%}
    with stated as (

        select * from {{ ref('int_run__record_identifiers') }} where {{ versions }}

    ),

    known as (

        {{ few_rows(ref('int_identity__identifiers'), 'identifier_uid in (select identifier_uid from stated)') }}

    ),

    identified as (

        select
            stated.source_rank,
            stated.record_uid,
            identifiers.identifier_no,
            -- Strongest type, then earliest loaded, as one number; a blocked value is nobody's hub.
            case
                when identifiers.blocked_reason is null
                    then types.type_rank * 1125899906842624 + identifiers.identifier_no
            end as strength,
            stated.load_no,
            stated.superseded_load_no
        from stated
        inner join known as identifiers on identifiers.identifier_uid = stated.identifier_uid
        inner join {{ ref('int_identity__type_policy') }} as types
            on types.identifier_type = identifiers.identifier_type

    ),

    -- A minimum and a join back take half the time of a window over the records (2026-11-22).
    hubs as (

        select
            record_uid,
            load_no,
            min(strength) as strength
        from identified
        group by record_uid, load_no

    )

    select
        identified.source_rank,
        identified.record_uid,
        identified.identifier_no,
        case
            when identified.strength is null then identified.identifier_no
            else hubs.strength % 1125899906842624
        end as hub_no,
        identified.load_no,
        identified.superseded_load_no
    from identified
    inner join hubs on hubs.record_uid = identified.record_uid and hubs.load_no = identified.load_no
{%- endmacro %}

{#- The business day, as a number, of the newest load that the previous run saw; a run at noon leaves its day open. -#}
{% macro first_open_day() -%}
    {%- set previous = run_state().previous_load_id -%}
    {%- if previous > '0001' -%}
        {{ day_number(business_date(load_instant("'" ~ previous ~ "'"))) }}
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}

{#- Pre-hooks of the identity's state: what this run looks at again is forgotten first. -#}
{% macro forget_records_seen_anew() %}
    {{- forget_where('record_uid in (select record_uid from ' ~ ref('int_run__record_identifiers') ~ ')') -}}
{% endmacro %}

{% macro forget_recounted_identifiers() %}
    {{- forget_where(
        'identifier_no in (select identifier_no from ' ~ ref('int_run__links_before') ~ ' union all select identifier_no from '
        ~ ref('int_identity__links') ~ ' where ' ~ is_new_load_number('load_no') ~ ')'
    ) -}}
{% endmacro %}

{% macro forget_recomputed_components() %}
    {{- forget_where('identifier_no in (select identifier_no from ' ~ ref('int_run__components') ~ ')') -}}
{% endmacro %}

{#- Components are recomputed whole, and so are their customers; numbers are found faster than keys. -#}
{% macro forget_recomputed_identities() %}
    {{- forget_where(
        'customer_no in (select anchor_no_before from ' ~ ref('int_run__components') ~ ' where anchor_no_before is not null)'
    ) -}}
{% endmacro %}

{#- A day that went on after the previous run is looked at again. -#}
{% macro forget_moves_of_open_days() %}
    {{- forget_where('(identifier_no, moved_date) in (select identifier_no, moved_date from ' ~ ref('int_run__moves') ~ ')') -}}
{% endmacro %}

{#- Whose each identifier was on the evening of a business day (text like 2026-11-20), by what was loaded until then. -#}
{% macro identities_on(day) -%}
    with later_moves as (

        select
            identifier_key,
            from_customer_id,
            row_number() over (partition by identifier_key order by moved_date) as move_rank
        from {{ ref('identity_moves') }}
        where moved_date > cast('{{ day }}' as date)

    )

    select
        identities.identifier_key,
        coalesce(later_moves.from_customer_id, identities.customer_id) as customer_id
    from {{ ref('bridge_customer_identities') }} as identities
    left join later_moves on later_moves.identifier_key = identities.identifier_key and later_moves.move_rank = 1
    where {{ business_date('identities.first_known_at') }} <= cast('{{ day }}' as date)
{%- endmacro %}
