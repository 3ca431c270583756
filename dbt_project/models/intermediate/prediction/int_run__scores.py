"""One row per customer scored in this run: what the model versions in force say of her, a column per prediction.

A home without a version in force, or a run that touched nobody, pays for no import.
"""

NOBODY = """
select
    customer_id,
    cast(null as date) as scored_date,
    cast(null as double) as expected_purchases_90d,
    cast(null as double) as probability_alive,
    cast(null as double) as expected_order_value,
    cast(null as double) as repurchase_30d,
    cast(null as double) as churn_90d,
    cast(null as double) as next_category,
    customer_id as next_category_value
from to_score
where false
"""


def model(dbt, session):
    dbt.config(materialized="table")
    return scored(
        session,
        in_force=dbt.ref("int_run__models_in_force").fetchall(),
        to_score=dbt.ref("int_run__to_score"),
        features=dbt.ref("int_run__prediction_features"),
        categories=dbt.ref("int_run__prediction_categories"),
    )


def scored(session, in_force, to_score, features, categories):
    """Queries find relations by the names they have here."""
    if not in_force or not to_score.limit(1).fetchall():
        return session.query(NOBODY)
    from common.scoring import Scorer

    scorer = Scorer({code: parameters for code, _, parameters, _ in in_force})
    return scorer.score(session.query(scorer.query()).to_arrow_reader(200_000))
