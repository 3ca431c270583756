{#- Keys that tie records together. An order id is unique inside its shop only, an openid inside its app only. -#}
{% macro file_order_key(channel, order_id, buyer_source) -%}
    '{{ channel }}|' || {{ buyer_source }} || '|' || {{ order_id }}
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

{% macro official_openid_key(openid) -%}
    'openid:official_account:' || {{ openid }}
{%- endmacro %}

{#- A wxid is one person's everywhere; what else a tool calls a friend is known inside its account only. -#}
{% macro personal_contact_key(account_id, contact_id) -%}
    'wxid:' || case when substr({{ contact_id }}, 1, 5) = 'wxid_' then '' else {{ account_id }} || ':' end
    || {{ contact_id }}
{%- endmacro %}

{#- A lead is known by the phone typed into the form, one without a phone by itself. -#}
{% macro lead_key(lead_id, phone_hmacs) -%}
    coalesce('phone_hmac:' || {{ json_text(phone_hmacs, '$[0]') }}, 'lead:' || {{ lead_id }})
{%- endmacro %}

{#- The channels whose orders, lines and register come as files of one contract. -#}
{% macro file_channels() -%}
    {{ return([
        {'code': 'miniprogram', 'member_source': 'member'},
        {'code': 'store', 'member_source': 'store_member'},
    ]) }}
{%- endmacro %}
