{#-
    Where the measures of rules/features.yml come from: per source the columns it fills; in all others they are 0. `own`
    sources are her own doing and make a day an active one; `is_unseen` ones make no customer. `carried` are texts with a leading number, of which the
    largest so far counts: the newest, the first or the most frequent.
-#}
{% macro event_sources() %}
    {% set hour = business_hour('orders.ordered_at') %}
    {% set texts = {'message_count': "case when source_code = 'official_message' then 1 else 0 end", 'question_count': "case when question_codes <> '' then 1 else 0 end"} %}
    {% set tags_put = {'staff_tag_count': '1'} %}
    {% set tags_taken = {'staff_tag_count': '-1'} %}
    {% for measure in feature_definitions().measures %}
        {% if measure.question %}
            {% do texts.update({measure.name: "case when position('," ~ measure.question ~ ",' in ',' || question_codes || ',') > 0 then 1 else 0 end"}) %}
        {% elif measure.staff_tag %}
            {% do tags_put.update({measure.name: 'case when ' ~ is_staff_tag(measure.staff_tag) ~ ' then 1 else 0 end'}) %}
            {% do tags_taken.update({measure.name: 'case when ' ~ is_staff_tag(measure.staff_tag) ~ ' then -1 else 0 end'}) %}
        {% endif %}
    {% endfor %}
    {{ return([
        {
            'from': ref('fct_orders') ~ ' as orders', 'where': 'orders.is_valid', 'customer': 'orders.customer_id',
            'date': 'orders.ordered_date', 'channel': 'orders.channel_code', 'own': true,
            'measures': {
                'order_count': '1', 'gross_fen': 'orders.amount_fen', 'net_fen': 'orders.amount_fen',
                'large_order_count': 'case when orders.amount_fen >= 50000 then 1 else 0 end',
                'gift_order_count': 'case when orders.is_gift then 1 else 0 end',
                'live_order_count': 'case when orders.live_id is not null then 1 else 0 end',
                'shop_order_count': "case when orders.channel_code = 'video_account' then 1 else 0 end",
                'store_order_count': "case when orders.channel_code = 'store' then 1 else 0 end",
                'miniprogram_order_count': "case when orders.channel_code = 'miniprogram' then 1 else 0 end",
                'weekend_order_count': 'case when (' ~ day_number('orders.ordered_date') ~ ' + 3) % 7 >= 5 then 1 else 0 end',
                'night_order_count': 'case when ' ~ hour ~ ' >= 22 or ' ~ hour ~ ' < 2 then 1 else 0 end',
            },
            'carried': {
                'last_order_channel_code': carried_key(day_number('orders.ordered_date'), 'orders.channel_code'),
                'first_order_channel_code': carried_key('1000000 - ' ~ day_number('orders.ordered_date'), 'orders.channel_code'),
            },
        },
        {
            'from': lines_of_orders(), 'customer': 'lines.customer_id', 'date': 'lines.ordered_date',
            'measures': {'item_count': 'lines.item_count'}, 'carried': {'favourite_category': 'lines.favourite_key'},
        },
        {
            'from': ref('fct_refunds'), 'date': 'refunded_date',
            'measures': {'net_fen': '-refund_fen', 'refund_count': '1', 'refund_fen': 'refund_fen'},
        },
        {
            'from': ref('fct_coupon_uses'), 'date': 'used_date', 'channel': "'miniprogram'", 'own': true,
            'measures': {'coupon_use_count': '1'},
        },
        {'from': ref('fct_points_changes'), 'date': 'changed_date', 'channel': 'channel_code', 'measures': {}},
        {
            'from': ref('int_run__register_entries'), 'date': business_date('registered_at'), 'channel': 'channel_code',
            'own': true, 'measures': {'registration_count': '1'},
        },
        {
            'from': ref('fct_wecom_relations'), 'date': 'added_date', 'channel': "'wecom'", 'own': true,
            'measures': {
                'contact_add_count': '1', 'contact_count': '1',
                'live_contact_count': 'case when add_way_code = 10 then 1 else 0 end',
            },
        },
        {
            'from': ref('fct_wecom_relations'), 'where': 'ended_known_at is not null',
            'date': ended_date('ended_known_at', 'added_date'), 'is_unseen': true, 'measures': {'contact_end_count': '1', 'contact_count': '-1'},
        },
        {
            'from': ref('fct_group_memberships'), 'date': 'joined_date', 'channel': "'wecom'", 'own': true,
            'measures': {'group_join_count': '1', 'group_count': '1'},
        },
        {
            'from': ref('fct_group_memberships'), 'where': 'left_known_at is not null',
            'date': ended_date('left_known_at', 'joined_date'), 'is_unseen': true, 'measures': {'group_count': '-1'},
        },
        {
            'from': ref('fct_official_followers'), 'date': 'followed_date', 'channel': "'official_account'", 'own': true,
            'measures': {'follow_count': '1', 'following_count': '1'},
        },
        {
            'from': ref('fct_official_followers'), 'where': 'ended_known_at is not null',
            'date': ended_date('ended_known_at', 'followed_date'), 'is_unseen': true, 'measures': {'following_count': '-1'},
        },
        {
            'from': ref('fct_personal_contacts'), 'date': 'added_date', 'channel': "'personal_wechat'", 'own': true,
            'measures': {'friend_count': '1'},
        },
        {
            'from': ref('fct_leads'), 'date': 'submitted_date', 'channel': "'video_account'", 'own': true,
            'measures': {'lead_count': '1'},
        },
        {
            'from': ref('fct_moment_interactions'), 'date': 'interacted_date', 'channel': "'wecom'", 'own': true,
            'measures': {
                'moment_like_count': "case when interaction_code = 'like' then 1 else 0 end",
                'moment_comment_count': "case when interaction_code = 'comment' then 1 else 0 end",
            },
        },
        {
            'from': ref('fct_customer_texts'), 'date': 'written_date', 'channel': 'channel_code', 'own': true, 'measures': texts,
        },
        {'from': ref('fct_staff_tags'), 'date': 'put_date', 'is_unseen': true, 'measures': tags_put},
        {
            'from': ref('fct_staff_tags'), 'where': 'taken_date is not null', 'date': 'taken_date', 'is_unseen': true,
            'measures': tags_taken,
        },
        {
            'from': ref('fct_touches'), 'where': "is_delivered or status = 'no_friend'", 'date': 'sent_date',
            'is_unseen': true,
            'measures': {
                'touch_count': 'case when is_delivered then 1 else 0 end',
                'blocked_touch_count': 'case when is_delivered then 0 else 1 end',
            },
        },
    ]) }}
{% endmacro %}

{#- A staff tag that a rule asks for by name, and by its group where the rule names one. -#}
{% macro is_staff_tag(wanted) -%}
    tag_name = {{ sql_value(wanted.name, 'text', 'staff_tag') }}
    {%- if wanted.group %} and tag_group_name = {{ sql_value(wanted.group, 'text', 'staff_tag') }}{% endif %}
{%- endmacro %}

{#- Code under which a tag of staff's own stands in the catalogue and beside the other tags of a customer. -#}
{% macro staff_tag_code(group_name, name) -%}
    'staff/' || coalesce({{ group_name }}, '') || '/' || {{ name }}
{%- endmacro %}

{#-
    Categories of question (questions of rules/features.yml) whose keywords stand in a text, comma separated: empty when none,
    NULL when there is no text.
-#}
{% macro question_codes(text) -%}
    case
        when nullif(trim({{ text }}), '') is not null
            then concat_ws(
                ','
                {%- for question in feature_definitions().get('questions', []) %},
                case
                    when
                        {%- for keyword in question.keywords %}
                        {{ 'or' if not loop.first }} position({{ sql_value(keyword | lower, 'text', 'keyword') }} in lower({{ text }})) > 0
                        {%- endfor %}
                        then '{{ question.code }}'
                end
                {%- endfor %}
            )
    end
{%- endmacro %}

{#- Business day before the one on which a load came. -#}
{% macro day_before_load(load_id) -%}
    cast({{ dbt.dateadd('day', -1, business_date(load_instant(load_id))) }} as date)
{%- endmacro %}

{#- What was read in the night after a business day was so by its end; it cannot end before it began. -#}
{% macro ended_date(known_at, began_date) -%}
    greatest(cast({{ dbt.dateadd('day', -1, business_date(known_at)) }} as date), {{ began_date }})
{%- endmacro %}

{#- A text behind a number of twelve digits, so that the largest text is the one with the largest number. -#}
{% macro carried_key(number, text) -%}
    lpad(cast({{ number }} as varchar), 12, '0') || {{ text }}
{%- endmacro %}

{% macro carried_text(key) -%}
    substr({{ key }}, 13)
{%- endmacro %}

{#-
    Valid lines per order day and category: the lines of that category so far stand before its name. Counts only rise, so
    the largest such key up to a day is the favourite category of that day.
-#}
{% macro lines_of_orders() -%}
    (
        select
            customer_id,
            ordered_date,
            cast(item_count as bigint) as item_count,
            {{ carried_key('sum(line_count) over (partition by customer_id, category order by ordered_date rows unbounded preceding)', 'category') }}
                as favourite_key
        from (
            select
                order_lines.customer_id,
                orders.ordered_date,
                order_lines.category,
                count(*) as line_count,
                {{ sum_fen('case when order_lines.quantity > 0 then order_lines.quantity else 0 end') }} as item_count
            from {{ ref('fct_order_lines') }} as order_lines
            inner join {{ ref('fct_orders') }} as orders on orders.order_key = order_lines.order_key and orders.is_valid
            inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = order_lines.customer_id
            group by order_lines.customer_id, orders.ordered_date, order_lines.category
        ) as lines_by_day
    ) as lines
{%- endmacro %}
