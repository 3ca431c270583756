"""The key figures of a business, each declared once: which table, which day, what is counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from orchestration.report import formats
from orchestration.report.model import Text
from orchestration.report.source import Source


@dataclass(frozen=True)
class Measure:
    """A figure per business day: ``value`` of the rows of ``table`` that ``where`` keeps, by ``date_column``."""

    code: str
    title: Text
    table: str
    date_column: str
    value: str = "count(*)"
    where: str = "true"
    reads: tuple[str, ...] = ()
    write: Callable[[float], str] = formats.count

    def there(self, source: Source) -> bool:
        """Whether the table is there with all that is read of it."""
        return source.has(self.table, self.date_column, *self.reads)

    def by_day(self, source: Source, first: dt.date) -> dict[dt.date, int]:
        """Return the figure of each business day from ``first`` to as_of that has one."""
        rows = source.rows(
            f"select {self.date_column} as day, cast({self.value} as bigint) as figure from {self.table} "  # noqa: S608
            f"where {self.where} and {self.date_column} between $first and $as_of group by all",
            first=first,
        )
        return {row["day"]: row["figure"] for row in rows}

    def total(self, source: Source) -> Total:
        """Return the figure over all days up to as_of."""
        [row] = source.rows(
            f"select count(*) as row_count, "  # noqa: S608
            f"cast(coalesce({self.value} filter (where {self.where}), 0) as bigint) as figure "
            f"from {self.table} where {self.date_column} <= $as_of"
        )
        return Total(row["row_count"], row["figure"])


class Total(NamedTuple):
    """A measure over all days, and how many rows its table has."""

    row_count: int
    figure: int


MEASURES = (
    Measure("order_count", Text("订单", "Orders"), "orders", "ordered_date", where="is_valid", reads=("is_valid",)),
    Measure("gmv_fen", Text("成交额 GMV", "GMV, paid"), "orders", "ordered_date", "sum(amount_fen)", "is_valid",
            ("is_valid", "amount_fen"), formats.yuan),
    Measure("refund_fen", Text("退款", "Refunds"), "refunds", "refunded_date", "sum(refund_fen)",
            reads=("refund_fen",), write=formats.yuan),
    Measure("customer_count", Text("新客户", "New customers"), "customers", "first_seen_date"),
    Measure("buyer_count", Text("首购客户", "First-time buyers"), "customers", "first_order_date"),
    Measure("contact_count", Text("新加企微", "New WeCom contacts"), "wecom_relations", "added_date"),
    Measure("group_join_count", Text("新入群", "Group joins"), "group_memberships", "joined_date"),
    Measure("follower_count", Text("公众号新关注", "New followers"), "official_followers", "followed_date"),
    Measure("lead_count", Text("留资", "Leads"), "leads", "submitted_date"),
)  # fmt: skip


def totals(source: Source) -> dict[str, Total]:
    """Return each measure over all days, of the tables that are there."""
    return {each.code: each.total(source) for each in MEASURES if each.there(source)}
