{#- Business day of a UTC timestamp, in the business time zone. -#}
{% macro business_date(timestamp_column) -%}
    {{ return(adapter.dispatch('business_date', 'siyu')(timestamp_column)) }}
{%- endmacro %}

{#- Hour of the day, 0 to 23, of a UTC timestamp in the business time zone. -#}
{% macro business_hour(timestamp_column) -%}
    {{ return(adapter.dispatch('business_hour', 'siyu')(timestamp_column)) }}
{%- endmacro %}

{% macro default__business_hour(timestamp_column) -%}
    hour(from_utc_timestamp({{ timestamp_column }}, '{{ business_timezone() }}'))
{%- endmacro %}

{% macro duckdb__business_hour(timestamp_column) -%}
    hour(timezone('{{ business_timezone() }}', timezone('UTC', {{ timestamp_column }})))
{%- endmacro %}

{% macro business_timezone() -%}
    {{ return(env_var('SIYU_BUSINESS_TIMEZONE', 'Asia/Shanghai')) }}
{%- endmacro %}

{% macro default__business_date(timestamp_column) -%}
    cast(from_utc_timestamp({{ timestamp_column }}, '{{ business_timezone() }}') as date)
{%- endmacro %}

{% macro duckdb__business_date(timestamp_column) -%}
    cast(timezone('{{ business_timezone() }}', timezone('UTC', {{ timestamp_column }})) as date)
{%- endmacro %}

{#- UTC timestamp of unix seconds that may come as a number or as digits in a string. -#}
{% macro unix_seconds_to_utc(expression) -%}
    {{ return(adapter.dispatch('unix_seconds_to_utc', 'siyu')(expression)) }}
{%- endmacro %}

{% macro default__unix_seconds_to_utc(expression) -%}
    timestamp_seconds(nullif(cast({{ expression }} as bigint), 0))
{%- endmacro %}

{% macro duckdb__unix_seconds_to_utc(expression) -%}
    make_timestamp(nullif(cast({{ expression }} as bigint), 0) * 1000000)
{%- endmacro %}

{#- Whole days since 1970-01-01: window frames over integers mean the same on every engine. -#}
{% macro day_number(date_expression) -%}
    {{ dbt.datediff("cast('1970-01-01' as date)", date_expression, "day") }}
{%- endmacro %}

{% macro date_of_day_number(day_expression) -%}
    {{ return(adapter.dispatch('date_of_day_number', 'siyu')(day_expression)) }}
{%- endmacro %}

{% macro default__date_of_day_number(day_expression) -%}
    date_add(cast('1970-01-01' as date), cast({{ day_expression }} as int))
{%- endmacro %}

{% macro duckdb__date_of_day_number(day_expression) -%}
    (cast('1970-01-01' as date) + cast({{ day_expression }} as integer))
{%- endmacro %}

{#- A load id as a whole number that rises with it: sorts faster than the text. -#}
{% macro load_number(load_id) -%}
    {{ return(adapter.dispatch('load_number', 'siyu')(load_id)) }}
{%- endmacro %}

{% macro default__load_number(load_id) -%}
    unix_micros({{ load_instant(load_id) }})
{%- endmacro %}

{% macro duckdb__load_number(load_id) -%}
    epoch_us({{ load_instant(load_id) }})
{%- endmacro %}

{% macro instant_of_load_number(load_number) -%}
    {{ return(adapter.dispatch('instant_of_load_number', 'siyu')(load_number)) }}
{%- endmacro %}

{% macro default__instant_of_load_number(load_number) -%}
    timestamp_micros({{ load_number }})
{%- endmacro %}

{% macro duckdb__instant_of_load_number(load_number) -%}
    make_timestamp({{ load_number }})
{%- endmacro %}

{#- And back to the text. -#}
{% macro load_id_of_number(load_number) -%}
    {{ return(adapter.dispatch('load_id_of_number', 'siyu')(load_number)) }}
{%- endmacro %}

{% macro default__load_id_of_number(load_number) -%}
    date_format(timestamp_micros({{ load_number }}), "yyyyMMdd'T'HHmmssSSSSSS'Z'")
{%- endmacro %}

{% macro duckdb__load_id_of_number(load_number) -%}
    strftime(make_timestamp({{ load_number }}), '%Y%m%dT%H%M%S%fZ')
{%- endmacro %}

{#- The instant a load became known, from its id. -#}
{% macro load_instant(load_id) -%}
    {{ return(adapter.dispatch('load_instant', 'siyu')(load_id)) }}
{%- endmacro %}

{% macro default__load_instant(load_id) -%}
    to_timestamp({{ load_id }}, "yyyyMMdd'T'HHmmssSSSSSS'Z'")
{%- endmacro %}

{% macro duckdb__load_instant(load_id) -%}
    strptime({{ load_id }}, '%Y%m%dT%H%M%S%fZ')
{%- endmacro %}
