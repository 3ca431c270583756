{{ config(meta={'dagster': {'ref': {'name': 'points_balance'}}}) }}

-- A returned row is an entry whose two sides differ, a day whose opening and moves are not its closing (of a customer
-- or of all), or a balance that the ledger does not give.
with member_days as (

    select
        *,
        lag(closing_points, 1, 0) over (partition by customer_id order by entry_date) as closing_before,
        row_number() over (partition by customer_id order by entry_date desc) as days_back
    from {{ ref('points_days') }}

),

all_days as (

    select
        *,
        lag(closing_points, 1, 0) over (order by entry_date) as closing_before
    from {{ ref('agg_points_days') }}

),

ledger as (

    select
        customer_id,
        sum(points) as points
    from {{ ref('points_ledger') }}
    where account_code = 'member'
    group by customer_id

)

select 'entry' as claim, entry_key as subject
from {{ ref('points_ledger') }}
group by entry_key
having sum(points) <> 0 or count(*) <> 2
union all
select 'day of a customer', customer_id || ' ' || cast(entry_date as varchar)
from member_days
where
    opening_points <> closing_before
    or opening_points + {{ points_accounts() | join('_points + ') }}_points <> closing_points
union all
select 'day in total', cast(entry_date as varchar)
from all_days
where
    opening_points <> closing_before
    or opening_points + {{ points_accounts() | join('_points + ') }}_points <> closing_points
union all
select 'balance', coalesce(balances.customer_id, ledger.customer_id)
from {{ ref('points_balance') }} as balances
full outer join ledger on ledger.customer_id = balances.customer_id
left join member_days on member_days.customer_id = balances.customer_id and member_days.days_back = 1
where
    balances.balance_points is distinct from ledger.points
    or balances.balance_points is distinct from member_days.closing_points
union all
select 'total', 'of all balances'
from (select coalesce(sum(balance_points), 0) as balance_points from {{ ref('points_balance') }}) as balances
cross join (select coalesce(sum(points), 0) as points from {{ ref('points_ledger') }} where account_code <> 'member') as others
where balances.balance_points <> -others.points
