"""The feature table against CDNOW worked out by hand: repeat days, recency, age, amounts, as the papers define them."""

from __future__ import annotations

import csv
import datetime as dt
from collections import defaultdict
from pathlib import Path

import pytest

from common.btyd import fit_buying
from common.clock import UTC
from common.lake import LoadReport
from common.scoring import buying_numbers, columns_of
from common.streams import STREAMS
from common.warehouse import connect
from orchestration.training import REPLAYED
from tests.exactness.dbt_home import DbtHome

DATA = Path(__file__).parent.parent / "data" / "cdnow_sample.csv"
# The papers look from Tuesday 1997-09-30: five days later everything lies the same, and it is a Sunday.
LATER = dt.timedelta(days=5)
SCORED, AS_OF = dt.date(1997, 9, 30) + LATER, dt.date(1997, 10, 8)


def purchases() -> list[tuple[str, dt.date, int]]:
    with DATA.open() as file:
        return [
            (
                row["customer_id"],
                dt.date.fromisoformat(row["date"]) + LATER,
                round(float(row["dollar_value"]) * 100),
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    stream = STREAMS["miniprogram/orders"]
    rows = [
        dict.fromkeys(stream.columns.names)
        | {"order_id": f"o{number}", "buyer_id": buyer, "buyer_source": "cdnow", "amount_fen": fen,
           "paid_at": dt.datetime.combine(day, dt.time(4)), "status": "completed", "item_count": 1,
           "source": "cdnow", "source_line": number}
        for number, (buyer, day, fen) in enumerate(purchases())
    ]  # fmt: skip
    arrival = home.lake.arrive_rows(stream, rows, LoadReport(stream.key, "cdnow", len(rows)))
    home.lake.admit(arrival, at=dt.datetime(2026, 1, 1, tzinfo=UTC))
    home.run(AS_OF.isoformat(), select=" ".join(REPLAYED))
    return home


def test_features__are_those_of_the_papers(home: DbtHome) -> None:
    days: dict[str, dict[dt.date, int]] = defaultdict(lambda: defaultdict(int))
    orders: dict[str, int] = defaultdict(int)
    for buyer, day, fen in purchases():
        if day <= SCORED:
            days[buyer][day] += fen
            orders[buyer] += 1
    expected = []
    for buyer, amounts in days.items():
        first, last = min(amounts), max(amounts)
        repeated = sum(fen for day, fen in amounts.items() if day > first)
        lately = sum(fen for day, fen in amounts.items() if (SCORED - day).days < 90)
        expected.append(
            (f"buyer_id:cdnow:{buyer}", SCORED, len(amounts) - 1, (last - first).days, (SCORED - first).days,
             (SCORED - last).days, orders[buyer], sum(amounts.values()), repeated, lately)
        )  # fmt: skip
    found = home.query(
        "select identities.identifier_key, scored_date, repeat_count, recency_days, age_days, since_last_days, "
        "order_count, paid_fen, repeat_paid_fen, paid_90d_fen "
        "from intermediate.int_run__prediction_features as features "
        "inner join marts.bridge_customer_identities as identities using (customer_id)"
    )
    assert sorted(found) == sorted(expected)
    assert len(found) == 2357


def test_warehouse__gives_the_published_parameters(home: DbtHome) -> None:
    with connect(home.warehouse, read_only=True) as db:
        columns = columns_of(db.execute("from intermediate.int_run__prediction_features").to_arrow_table())
    found = fit_buying(*buying_numbers(columns))
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=5e-4)
    assert found.log_likelihood == pytest.approx(-9582.4, abs=0.05)
