"""SQL of WeCom's records: staff, contacts, customer groups, with their payloads as JSON.

A customer who adds a staff member does so on the day she comes. Her unionid shows at once, some days later or never;
5% end the relation within a month (a delete). A group (客户群) takes customers in the order of their coming.
"""

from __future__ import annotations

from sandbox.generate.people import UNIONID_AT_ALL, UNIONID_AT_ONCE, People, moment
from sandbox.generate.plan import CHANGE_DAYS, Plan

ENDED, TYPED_PHONES, LEAVES = 0.05, 0.2, 0.08
# Customers in a row who are asked into one group; a share of them joins.
GROUP_SPAN = 400


def staff_count(plan: Plan) -> int:
    """One staff member for 5,000 customers."""
    return max(plan.customers // 5000, 2)


def staff(people: People) -> str:
    return f"""
select 'staff' || no as record_key, 'upsert' as op, concat('{{"userid":"staff', no, '"}}') as payload,
    {people.plan.first_load} as heard_day, cast(null as bigint) as changed_day
from numbers"""


def contacts(people: People) -> str:
    plan, dice = people.plan, people.dice
    staff_no = dice.whole("no", "staff", staff_count(plan))
    rank = dice.share("no", "contact unionid")
    hmac = people.phone_hmac(people.phone("no"))
    return f"""
select
    'staff' || {staff_no} || '|' || {people.external_userid("no")} as record_key,
    case when gone_day = $L then 'delete' else 'upsert' end as op,
    case when gone_day = $L then null else concat(
        '{{"external_contact":{{"external_userid":"', {people.external_userid("no")},
        '","gender":', {dice.whole("no", "contact gender", 3)},
        ',"name":"微信用户', no % 9973, '","type":1',
        case when rank < {UNIONID_AT_ONCE} or (rank < {UNIONID_AT_ALL} and changed_day <= $L)
            then concat(',"unionid":"', {people.unionid("no")}, '"') end,
        '}},"follow_info":{{"add_way":', case when no % 3 = 0 then 10 else 1 end,
        ',"createtime":', {moment(dice, "no", "contact at")},
        ',"description":"","remark":"","remark_mobiles":[',
        case when typed then concat('"', {people.phone("no")}, '"') end,
        '],"state":"qr', no % 40, '","tag_id":[],"userid":"staff', {staff_no}, '"}}}}'
    ) end as payload,
    case when gone_day = $L then null when typed then concat('["', {hmac}, '"]') else '[]' end as phone_hmacs,
    heard_day,
    changed_day,
    gone_day
from (
    select
        *,
        day_no as heard_day,
        {dice.share("no", "typed phone")} < {TYPED_PHONES} and {people.phone("no")} is not null as typed,
        case when {dice.share("no", "ended")} < {ENDED} then day_no + {people.some_days("no", "ended days")} end
            as gone_day,
        case when rank >= {UNIONID_AT_ONCE} and rank < {UNIONID_AT_ALL}
            then day_no + {people.some_days("no", "bound days")} end as changed_day
    from (select *, {rank} as rank from numbers where {dice.share("no", "contact")} < {plan.mix.contacts})
)"""


def groups(people: People) -> str:
    """Whole groups: a version of a group carries all who are in it at the end of the day."""
    plan, dice = people.plan, people.dice
    staff_no = f"(group_no % {staff_count(plan)})"
    return f"""
select
    'wr' || group_no as record_key,
    'upsert' as op,
    concat(
        '{{"chat_id":"wr', group_no, '","create_time":', min(joined_at), ',"member_list":[',
        '{{"join_scene":1,"join_time":', min(joined_at), ',"type":1,"userid":"staff', {staff_no}, '"}}',
        string_agg(concat(',{{"join_scene":3,"join_time":', joined_at, ',"state":"qr', no % 40, '","type":2',
            case when rank < {UNIONID_AT_ONCE} then concat(',"unionid":"', {people.unionid("no")}, '"') end,
            ',"userid":"', {people.external_userid("no")}, '"}}'), '' order by no)
            filter (where left_day is null or left_day > $L),
        '],"name":"福利群', group_no, '","owner":"staff', {staff_no}, '"}}'
    ) as payload,
    min(joined_day) as heard_day,
    case when bool_or(joined_day = $L or coalesce(left_day = $L, false)) then $L end as changed_day
from (
    select
        no,
        no // {GROUP_SPAN} as group_no,
        day_no as joined_day,
        {dice.share("no", "group unionid")} as rank,
        {moment(dice, "no", "joined at")} as joined_at,
        case when {dice.share("no", "leaves")} < {LEAVES} then day_no + {people.some_days("no", "leaves days")} end
            as left_day
    from numbers
    where {dice.share("no", "group")} < {plan.mix.groups}
)
group by group_no"""


def group_reach(plan: Plan, load_day: int) -> tuple[int, int]:
    """Return the customers whose groups may differ on a day: whole groups, from who came up to a month before."""
    first = max(load_day - CHANGE_DAYS, 0)
    low = 0 if load_day == plan.first_load else plan.registrations.until(first - 1)
    return low - low % GROUP_SPAN, plan.registrations.until(load_day)
