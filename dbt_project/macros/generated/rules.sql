{#- Generated from dbt_project/rules/ by `siyu rules compile`, which every run does by itself. -#}
{% macro feature_definitions() %}
    {{ return({
        "windows": [30, 90, 365],
        "measures": [
            {"name": "order_count", "windowed": "orders_\u007bdays\u007dd_count", "name_zh": "有效订单数", "description_zh": "已付款且未取消的订单数；全额退款的也算。", "always": false},
            {"name": "net_fen", "windowed": "net_\u007bdays\u007dd_fen", "name_zh": "净消费额", "description_zh": "有效订单实付减去成功退款，单位分。", "always": true},
            {"name": "live_order_count", "windowed": "live_orders_\u007bdays\u007dd_count", "name_zh": "直播间订单数", "description_zh": "在视频号直播间成交的有效订单数。", "always": false},
            {"name": "refund_count", "windowed": "refunds_\u007bdays\u007dd_count", "name_zh": "退款次数", "description_zh": "成功退款的次数。", "always": false},
            {"name": "coupon_use_count", "windowed": "coupon_uses_\u007bdays\u007dd_count", "name_zh": "用券次数", "description_zh": "核销优惠券的次数。", "always": false},
            {"name": "contact_add_count", "windowed": "contact_adds_\u007bdays\u007dd_count", "name_zh": "加企微次数", "description_zh": "与员工建立企业微信好友关系的次数。", "always": false},
            {"name": "group_join_count", "windowed": "group_joins_\u007bdays\u007dd_count", "name_zh": "入群次数", "description_zh": "加入客户群的次数。", "always": false},
        ],
        "attributes": [
            {"name": "gender", "type": "text", "name_zh": "性别", "description_zh": "male 或 female，取自会员登记，其次企业微信资料。"},
            {"name": "birth_month", "type": "number", "name_zh": "生日月份", "description_zh": "生日所在的月份，1 到 12。"},
            {"name": "city", "type": "text", "name_zh": "城市", "description_zh": "会员登记的城市。"},
            {"name": "first_channel_code", "type": "text", "name_zh": "首次来源渠道", "description_zh": "第一次被看见的渠道。"},
        ]
    }) }}
{% endmacro %}

{% macro tag_definitions() %}
    {{ return([
        {"code": "group_count", "name_zh": "入群数", "description_zh": "到当日为止加入过的客户群次数。", "owner": "data", "version": 1, "ageing": "dynamic", "feature": "group_join_count", "derived_from": [], "family": "behaves", "made": "fact"},
        {"code": "livestream_buyer", "name_zh": "直播间购买", "description_zh": "在视频号直播间下过单。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "直播买家", "when": {"feature": "live_order_count", "op": ">=", "value": 1}}], "derived_from": [], "family": "behaves", "made": "rule"},
        {"code": "refund_count", "name_zh": "退款次数", "description_zh": "到当日为止成功退款的次数。", "owner": "data", "version": 1, "ageing": "dynamic", "feature": "refund_count", "derived_from": [], "family": "buys", "made": "fact"},
        {"code": "purchase_frequency", "name_zh": "购买频次", "description_zh": "近 365 天有效订单数分档：1 单、2 至 5 单、6 至 20 单、20 单以上。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "20单以上", "when": {"feature": "orders_365d_count", "op": ">", "value": 20}}, {"value": "6至20单", "when": {"feature": "orders_365d_count", "op": ">=", "value": 6}}, {"value": "2至5单", "when": {"feature": "orders_365d_count", "op": ">=", "value": 2}}, {"value": "1单", "when": {"feature": "orders_365d_count", "op": "=", "value": 1}}], "derived_from": [], "family": "buys", "made": "rule"},
        {"code": "coupon_preference", "name_zh": "优惠券偏好", "description_zh": "近 365 天用券 3 次及以上为爱用券。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "爱用券", "when": {"feature": "coupon_uses_365d_count", "op": ">=", "value": 3}}], "derived_from": [], "family": "buys", "made": "rule"},
        {"code": "first_channel", "name_zh": "首次来源渠道", "description_zh": "客户第一次被我们看见的渠道。", "owner": "data", "version": 1, "ageing": "static", "feature": "first_channel_code", "derived_from": [], "family": "channel", "made": "fact"},
        {"code": "reach", "name_zh": "可触达方式", "description_zh": "已加企业微信、仅在群内，或都没有。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "企微好友", "when": {"feature": "contact_add_count", "op": ">=", "value": 1}}, {"value": "仅在群", "when": {"feature": "group_join_count", "op": ">=", "value": 1}}], "derived_from": [], "family": "channel", "made": "rule"},
        {"code": "lifecycle_stage", "name_zh": "生命周期阶段", "description_zh": "按下单时间划分：潜客、新客、活跃、沉睡、流失。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "潜客", "when": {"feature": "order_count", "op": "=", "value": 0}}, {"value": "新客", "when": {"all": [{"feature": "orders_30d_count", "op": ">=", "value": 1}, {"feature": "order_count", "op": "=", "value": 1}]}}, {"value": "活跃", "when": {"feature": "orders_30d_count", "op": ">=", "value": 1}}, {"value": "沉睡", "when": {"feature": "orders_90d_count", "op": ">=", "value": 1}}, {"value": "流失", "when": {"feature": "orders_90d_count", "op": "=", "value": 0}}], "derived_from": [], "family": "stands", "made": "rule"},
        {"code": "value_level", "name_zh": "价值等级", "description_zh": "近 365 天净消费额：高（2000 元起）、中（500 元起）、低。", "owner": "operations", "version": 1, "ageing": "dynamic", "cases": [{"value": "高价值", "when": {"feature": "net_365d_fen", "op": ">=", "value": 200000}}, {"value": "中价值", "when": {"feature": "net_365d_fen", "op": ">=", "value": 50000}}, {"value": "低价值", "when": {"feature": "order_count", "op": ">=", "value": 1}}], "derived_from": [], "family": "stands", "made": "rule"},
        {"code": "gender", "name_zh": "性别", "description_zh": "客户的性别，取自会员登记，其次企业微信资料。", "owner": "data", "version": 1, "ageing": "static", "feature": "gender", "derived_from": [], "family": "who", "made": "fact"},
        {"code": "birth_month", "name_zh": "生日月份", "description_zh": "客户生日所在的月份（1 到 12）。", "owner": "data", "version": 1, "ageing": "static", "feature": "birth_month", "derived_from": [], "family": "who", "made": "fact"},
        {"code": "city", "name_zh": "城市", "description_zh": "客户登记的城市。", "owner": "data", "version": 1, "ageing": "static", "feature": "city", "derived_from": [], "family": "who", "made": "fact"},
    ]) }}
{% endmacro %}

{% macro segment_definitions() %}
    {{ return([
        {"code": "new_lead_not_bought", "name_zh": "新线索未购", "description_zh": "30 天内加了企业微信，还没有下过单。", "owner": "operations", "version": 1, "destinations": ["wecom_tags"], "tag_name": "新线索未购", "holdout_ratio": 0.1, "when": {"all": [{"feature": "contact_adds_30d_count", "op": ">=", "value": 1}, {"feature": "order_count", "op": "=", "value": 0}]}},
        {"code": "high_value_silent", "name_zh": "高价值沉默", "description_zh": "近 365 天净消费 2000 元起，近 30 天没有下单。", "owner": "operations", "version": 1, "destinations": ["wecom_tags", "file_export"], "tag_name": "高价值沉默", "holdout_ratio": 0.1, "when": {"all": [{"feature": "net_365d_fen", "op": ">=", "value": 200000}, {"feature": "orders_30d_count", "op": "=", "value": 0}]}},
        {"code": "repeat_within_30_days", "name_zh": "30 天内复购", "description_zh": "近 30 天至少两单。", "owner": "operations", "version": 1, "destinations": ["wecom_tags"], "tag_name": "30天复购", "holdout_ratio": 0.1, "when": {"feature": "orders_30d_count", "op": ">=", "value": 2}},
        {"code": "live_fan_not_contact", "name_zh": "直播粉丝未加企微", "description_zh": "在直播间买过，但没有加企业微信，适合包裹卡引导。", "owner": "operations", "version": 1, "destinations": ["file_export"], "tag_name": "直播粉丝未加企微", "holdout_ratio": 0.0, "when": {"all": [{"feature": "live_order_count", "op": ">=", "value": 1}, {"feature": "contact_add_count", "op": "=", "value": 0}]}},
    ]) }}
{% endmacro %}

{% macro compiled_rules_digest() %}
    {{ return("4872ef626e80260ca6e972eed8bb9944") }}
{% endmacro %}

{% macro rules_answers_digest() %}
    {{ return("b5afead08b3a1aada14dcd9e09a03384f927b574c14781980d22e6f5e46fc46e") }}
{% endmacro %}
