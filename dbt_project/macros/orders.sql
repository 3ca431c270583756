{#- Keys that tie records together. An order id is unique inside its shop only, an openid inside its app only. -#}
{% macro miniprogram_order_key(order_id, buyer_source) -%}
    'miniprogram|' || {{ buyer_source }} || '|' || {{ order_id }}
{%- endmacro %}

{% macro shop_order_key(order_id) -%}
    'video_account|shop|' || {{ order_id }}
{%- endmacro %}

{% macro buyer_key(buyer_source, buyer_id) -%}
    'buyer_id:' || {{ buyer_source }} || ':' || {{ buyer_id }}
{%- endmacro %}

{% macro shop_openid_key(openid) -%}
    'openid:shop:' || {{ openid }}
{%- endmacro %}
