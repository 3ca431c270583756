"""SQL of the video-account shop's records: orders, after-sales, livestreams, with their payloads as JSON.

A shop order is paid within a minute of its making (3% never are), and done eight days later; 6% are asked back, most
of them successfully; 2% are gifts (送礼), which the payer gives and somebody else receives.
"""

from __future__ import annotations

from sandbox.generate.people import UNIONID_AT_ALL, People, moment

UNPAID, ASKED_BACK, GIFTS, LIVE_SHARE = 0.03, 0.06, 0.02, 0.6
DONE_AFTER_DAYS, SETTLED_AFTER_DAYS = 8, 2
_FIRST_ORDER_ID = 3_724_561_000_000_000_000


def shop_orders(people: People) -> str:
    product = "2000345678000 + no % 4000"
    return f"""
select
    cast({_FIRST_ORDER_ID} + no as varchar) as record_key,
    'upsert' as op,
    concat(
        '{{"create_time":', created_at, ',"is_present":', case when is_gift then 'true' else 'false' end,
        ',"openid":"', {people.shop_openid("receiver")}, '","order_detail":{{"ext_info":{{"customer_notes":"",',
        case when is_live then concat('"live_id":"live', day_no, '","order_scene":2}}') else '"order_scene":1}}' end,
        ',"pay_info":{{', case when is_paid then concat('"pay_time":', created_at + 45, ',') end, '"payment_method":1',
        case when is_paid then concat(',"transaction_id":"42000025', {_FIRST_ORDER_ID} + no, '"') end,
        '}},"price_info":{{"discounted_price":0,"freight":0,"is_discounted":false,"order_price":', amount_fen,
        ',"product_price":', amount_fen, '}},"product_infos":[{{"is_free_gift":0,"market_price":', amount_fen * 5 // 4,
        ',"out_sku_id":"SKU-', no % 4000, '","product_id":"', 10000123456000 + no % 800, '","product_unique_id":"0"',
        ',"real_price":', amount_fen, ',"sale_price":', amount_fen,
        ',"sku_attrs":[{{"attr_key":"规格","attr_value":"标准"}}]',
        ',"sku_cnt":1,"sku_id":"', {product}, '","title":"商品', no % 800, '"}}],"settle_info":{{}}}},"order_id":"',
        {_FIRST_ORDER_ID} + no, '"',
        case when is_gift then concat(',"present_giver_openid":"', {people.shop_openid("customer")}, '"') end,
        ',"status":', case when not is_paid then 250 when not changed then 20 when is_returned then 200 else 100 end,
        case when shows_unionid then concat(',"unionid":"', {people.unionid("receiver")}, '"') end,
        ',"update_time":', case when changed then day_at + {DONE_AFTER_DAYS} * 86400 else created_at + 45 end, '}}'
    ) as payload,
    heard_day,
    changed_day
from ({_orders(people)})"""


def aftersales(people: People) -> str:
    return f"""
select
    cast(2_000_000_000_000_000 + no as varchar) as record_key,
    'upsert' as op,
    concat(
        '{{"after_sale_order_id":"', 2_000_000_000_000_000 + no, '"',
        case when changed then concat(',"complete_time":', asked_at + {SETTLED_AFTER_DAYS} * 86400) end,
        ',"create_time":', asked_at, ',"details":{{"desc":"不想要了","receive_product":false}},"openid":"',
        {people.shop_openid("receiver")}, '","order_id":"', {_FIRST_ORDER_ID} + no,
        '","product_info":{{"count":1,"product_id":"', 10000123456000 + no % 800,
        '","sku_id":"', 2000345678000 + no % 4000, '"}},"reason":"NO_LONGER_WANT",',
        '"refund_info":{{"amount":', amount_fen, ',"refund_reason":1}},"status":"',
        case when not changed then 'MERCHANT_PROCESSING' when is_returned then 'MERCHANT_REFUND_SUCCESS'
            else 'USER_CANCELD' end,
        '","type":"REFUND"', case when shows_unionid then concat(',"unionid":"', {people.unionid("receiver")}, '"') end,
        ',"update_time":', asked_at + case when changed then {SETTLED_AFTER_DAYS} * 86400 else 0 end, '}}'
    ) as payload,
    asked_day as heard_day,
    asked_day + {SETTLED_AFTER_DAYS} as changed_day
from (
    select * replace (coalesce(asked_day + {SETTLED_AFTER_DAYS} <= $L, false) as changed),
        created_at + (asked_day - day_no) * 86400 as asked_at
    from ({_orders(people)})
    where is_asked_back and is_paid
)"""


def _orders(people: People) -> str:
    plan, dice = people.plan, people.dice
    back = dice.share("no", "shop asked back")
    live = dice.share("no", "shop live")
    live_days = [day for day in range(plan.last_load + 400) if plan.is_live(day)][:7]
    is_live_day = " or ".join(f"day_no % 7 = {day}" for day in sorted({day % 7 for day in live_days}))
    return f"""
    select
        *,
        coalesce(changed_day <= $L, false) as changed,
        case when is_gift then {dice.whole("no", "receiver", "greatest(customers, 1)")} else customer end as receiver,
        {dice.share("no", "shop unionid")} < 0.8 and {people.unionid_rank("customer")} < {UNIONID_AT_ALL}
            and not is_gift as shows_unionid,
        -- A livestream lasts from 20:00 to 22:30.
        case when is_live then cast(day_at + 72000 + floor(9000 * {dice.share("no", "live second")}) as bigint)
            else {moment(dice, "no", "shop at")} end as created_at,
        greatest(heard_day, day_no + 1 + {dice.whole("no", "asked back days", 4)}) as asked_day
    from (
        select
            *,
            {people.buyer("no", "shop buyer")} as customer,
            cast(990 + floor(150000 * pow({dice.share("no", "shop amount")}, 4)) as bigint) as amount_fen,
            ({is_live_day}) and {live} < {LIVE_SHARE} as is_live,
            {dice.share("no", "shop unpaid")} >= {UNPAID} as is_paid,
            {dice.share("no", "gift")} < {GIFTS} as is_gift,
            {back} < {ASKED_BACK} as is_asked_back,
            {back} < {ASKED_BACK * 0.9} as is_returned,
            case when {dice.share("no", "shop unpaid")} >= {UNPAID}
                then greatest(day_no + {DONE_AFTER_DAYS}, heard_day + 1) end as changed_day
        from (
            select *, {people.heard("no", "shop late")} as heard_day from numbers
        )
    )"""


def lives(people: People) -> str:
    """One livestream on each live day, its figures in keeping with the orders expected in it."""
    plan, dice = people.plan, people.dice
    sold = f"greatest(cast(customers * {plan.mix.shop_orders} / {plan.history + plan.days} as bigint), 1)"
    return f"""
select
    'live' || no as record_key,
    'upsert' as op,
    concat(
        '{{"create_time":', day_at + 72000, ',"data":{{"live_dashboard_data":{{"live_dashboard_data":{{"summary":{{',
        '"comment_uv":', sold, ',"impression_uv":', sold * 70, ',"new_follow_uv":', sold // 3,
        ',"new_watch_uv":', sold * 14,
        '}}}},"live_duration":9000,"start_time":', day_at + 72000, '}},"live_ec_data_summary":{{',
        '"refund_amount":', sold * 900,
        ',"total_clk_uv":', sold * 4, ',"total_gmv":', sold * 31000, ',"total_pay_uv":', sold,
        '}}}},"export_id":"live', no, '"}}'
    ) as payload,
    day_no as heard_day,
    cast(null as bigint) as changed_day
from (select *, {sold} + {dice.whole("no", "live luck", 50)} as sold from numbers)"""
