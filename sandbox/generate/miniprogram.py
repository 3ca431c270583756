"""SQL of the table streams: member register, orders with lines, coupon uses, changes of points.

Every body reads ``numbers`` (day_no, day_at, customers, no) and returns the stream's columns and two more: heard_day,
the load that first brings the row, and changed_day, the load that brings it again with other content (or null). ``$L``
is the day number of the load being made.
"""

from __future__ import annotations

from sandbox.generate.people import (
    APP_ID,
    BUYER_SOURCE,
    PHONE_MOVED,
    UNIONID_AT_ALL,
    UNIONID_AT_ONCE,
    People,
    moment,
)
from sandbox.generate.plan import Dice, Plan

REFUNDED, CANCELLED, OTHER_BUYER = 0.04, 0.055, 0.06  # of the orders, one above the other: corrected later
_CITIES = ("杭州", "上海", "苏州", "成都", "深圳", "武汉", "西安", "青岛")


def members(people: People) -> str:
    plan, dice = people.plan, people.dice
    rank = people.unionid_rank("no")
    return f"""
select
    {people.buyer_id("no")} as buyer_id,
    '{BUYER_SOURCE}' as buyer_source,
    case when rank < {UNIONID_AT_ONCE} or (rank < {UNIONID_AT_ALL} and changed) then {people.unionid("no")} end
        as unionid,
    {people.openid("no")} as openid,
    '{APP_ID}' as app_id,
    phone,
    {people.phone_hmac("phone")} as phone_hmac,
    {_pick(("王", "李", "张", "刘", "陈", "杨", "黄", "赵"), dice.bits("no", "surname"))}
        || {_pick(("敏", "静", "磊", "洋", "艳", "强", "婷", "宇"), dice.bits("no", "name"))} as name,
    case when {dice.share("no", "gender")} < 0.62 then 'female' when {dice.share("no", "gender")} < 0.9 then 'male'
        else 'unknown' end as gender,
    date '1965-01-01' + cast({dice.whole("no", "birthday", 15_000)} as integer) as birthday,
    {_pick(_CITIES, dice.bits("no", "city"))} as city,
    make_timestamp(registered_at * 1000000) as registered_at,
    'generated' as source,
    no as source_line,
    heard_day,
    changed_day
from (
    select *, {people.phone("no", moved="moves and changed")} as phone
    from (
        select
            no,
            rank,
            moves,
            heard_day,
            changed_day,
            coalesce(changed_day <= $L, false) as changed,
            case when day_no < 0 then day_at - {dice.whole("no", "registered", 63_072_000)}
                else {moment(dice, "no", "registered")} end as registered_at
        from (
            select
                *,
                day_no as heard_day,
                {rank} as rank,
                {dice.share("no", "moves")} < {PHONE_MOVED} as moves,
                case when ({rank} >= {UNIONID_AT_ONCE} and {rank} < {UNIONID_AT_ALL})
                    or {dice.share("no", "moves")} < {PHONE_MOVED}
                    then day_no + {people.some_days("no", "changes")} end as changed_day
            from numbers
            where {dice.share("no", "member")} < {plan.mix.members}
        )
    )
)"""


def orders(people: People) -> str:
    plan, dice = people.plan, people.dice
    shown = f"{dice.share('no', 'identified')} < {plan.mix.identified_orders}"
    return f"""
select
    'M' || (100000000000 + no) as order_id,
    {people.buyer_id("customer")} as buyer_id,
    '{BUYER_SOURCE}' as buyer_source,
    make_timestamp({moment(dice, "no", "order at")} * 1000000) as paid_at,
    amount_fen,
    case when not changed or draw >= {REFUNDED} then 0 when no % 3 = 0 then amount_fen // 2 else amount_fen end
        as refunded_fen,
    {_lines(plan, dice)} as item_count,
    case when not changed or draw >= {CANCELLED} then 'completed' when draw >= {REFUNDED} then 'cancelled'
        when no % 3 = 0 then 'completed' else 'refunded' end as status,
    case when {shown} and {people.unionid_rank("customer")} < {UNIONID_AT_ALL} then {people.unionid("customer")} end
        as unionid,
    case when {shown} then {people.openid("customer")} end as openid,
    case when {shown} then '{APP_ID}' end as app_id,
    cast(null as varchar) as phone,
    cast(null as varchar) as phone_hmac,
    'generated' as source,
    no as source_line,
    heard_day,
    changed_day
from (
    select
        *,
        case when changed and draw >= {CANCELLED} then greatest(buyer - 1, 0) else buyer end as customer
    from (
        select *, coalesce(changed_day <= $L, false) as changed, {people.buyer("no", "buyer")} as buyer,
            {_amount(dice, "no", "amount")} as amount_fen
        from ({_order_days(people)})
    )
)"""


def order_lines(people: People) -> str:
    """Lines come with an order's first version only; a correction does not repeat them."""
    plan, dice = people.plan, people.dice
    return f"""
select
    'M' || (100000000000 + no) as order_id,
    '{BUYER_SOURCE}' as buyer_source,
    line_no,
    'sku' || sku_no as sku_id,
    '商品' || sku_no as product_name,
    '类目' || (sku_no % 40) as category,
    1 + cast({dice.bits("no * 8 + line_no", "quantity")} % 3 as bigint) as quantity,
    amount_fen // lines + case when line_no = 1 then amount_fen % lines else 0 end as amount_fen,
    'generated' as source,
    no as source_line,
    heard_day,
    cast(null as bigint) as changed_day
from (
    select
        *, cast(floor(5000 * pow({dice.share("no * 8 + line_no", "sku")}, 2.5)) as bigint) as sku_no
    from (
        select no, heard_day, lines, {_amount(dice, "no", "amount")} as amount_fen,
            unnest(range(1, lines + 1)) as line_no
        from (select *, {_lines(plan, dice)} as lines from ({_order_days(people)}) where heard_day <= $L)
    )
)"""


def coupon_uses(people: People) -> str:
    dice = people.dice
    return f"""
select
    'C' || (100000000000 + no) as coupon_use_id,
    {people.buyer_id(people.buyer("no", "coupon buyer"))} as buyer_id,
    '{BUYER_SOURCE}' as buyer_source,
    'coupon' || {dice.whole("no", "coupon", 60)} as coupon_id,
    'campaign' || (day_no // 14) as campaign_id,
    make_timestamp({moment(dice, "no", "coupon at")} * 1000000) as used_at,
    'generated' as source,
    no as source_line,
    {people.heard("no", "coupon late")} as heard_day,
    cast(null as bigint) as changed_day
from numbers"""


def points_changes(people: People) -> str:
    """Sign-in points, gifts of the 积分商城, and corrections either way."""
    dice = people.dice
    draw = dice.share("no", "reason")
    return f"""
select
    'P' || (100000000000 + no) as change_id,
    {people.buyer_id(people.buyer("no", "points buyer"))} as buyer_id,
    '{BUYER_SOURCE}' as buyer_source,
    make_timestamp({moment(dice, "no", "points at")} * 1000000) as changed_at,
    case reason when 'sign_in' then 5 when 'gift' then -100 * (1 + {dice.whole("no", "points", 9)})
        else 50 - 100 * {dice.whole("no", "points", 2)} end as points,
    reason,
    'generated' as source,
    no as source_line,
    {people.heard("no", "points late")} as heard_day,
    cast(null as bigint) as changed_day
from (
    select *, case when {draw} < 0.6 then 'sign_in' when {draw} < 0.95 then 'gift' else 'correction' end as reason
    from numbers
)"""


def _order_days(people: People) -> str:
    dice = people.dice
    draw = dice.share("no", "corrected")
    return f"""
            select *,
                case when draw < {OTHER_BUYER} then heard_day + 1 + {dice.whole("no", "corrected days", 14)} end
                    as changed_day
            from (
                select *, {draw} as draw,
                    {people.heard("no", "order late")} as heard_day
                from numbers
            )"""


def _lines(plan: Plan, dice: Dice) -> str:
    return f"(1 + {dice.whole('no', 'lines', max(plan.mix.most_lines, 1))})"


def _amount(dice: Dice, number: str, name: str) -> str:
    """Fen: most orders cost 20 to 150 yuan, a few 2,000."""
    return f"cast(1990 + floor(200000 * pow({dice.share(number, name)}, 5)) as bigint)"


def _pick(words: tuple[str, ...], bits: str) -> str:
    return f"list_value({', '.join(repr(word) for word in words)})[1 + cast({bits} % {len(words)} as bigint)]"
