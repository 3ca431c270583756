"""One row per touched customer and day on which her earned tier was decided, up to as_of."""

from common.tiers import NEVER, HoldingRules, hold_tiers

# From the day in the future on nothing is decided yet.
QUALIFIED = """
select customers.customer_no, spend.change_day, spend.qualified_rank
from spend
inner join customers on customers.customer_id = spend.customer_id
cross join clock
where spend.is_rank_change and spend.change_day <= clock.as_of_day
order by customers.customer_no, spend.change_day
"""
RESULT = """
select
    customers.customer_id, decided.decided_day, decided.tier_rank, decided.reason_no,
    nullif(decided.review_day, {never}) as review_day, decided.protected_until_day,
    lead(decided.decided_day) over (partition by decided.customer_no order by decided.decided_day)
        as next_decided_day
from decided
inner join customers on customers.customer_no = decided.customer_no
"""


def model(dbt, session):
    dbt.config(materialized="table")
    return decisions(
        session,
        spend=dbt.ref("int_run__tier_spend"),
        customers=dbt.ref("dim_customers"),
        rules=dbt.ref("int_members__tier_rules"),
        clock=dbt.ref("int_run__clock"),
    )


def decisions(session, spend, customers, rules, clock):
    """Queries find relations and columns of arrays by the names they have here (Arrow would import pandas for them)."""
    columns = "downgrade_kind, protection_days, review_days, review_month, review_day"
    holding = HoldingRules(*rules.select(columns).fetchall()[0])
    as_of_day = clock.select("as_of_day").fetchall()[0][0]
    rows = session.query(QUALIFIED).fetchnumpy()
    told = hold_tiers(rows["customer_no"], rows["change_day"], rows["qualified_rank"], holding, as_of_day)
    decided = {  # noqa: F841
        "customer_no": told.customers,
        "decided_day": told.days,
        "tier_rank": told.ranks,
        "reason_no": told.reasons,
        "review_day": told.review_days,
        "protected_until_day": told.protected_until_days,
    }
    return session.query(RESULT.format(never=NEVER))
