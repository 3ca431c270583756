"""同期群留存: who of each month's first-time buyers buys again, month after month."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.report import formats
from orchestration.report.figures import heat_map
from orchestration.report.model import Chart, Section, Text
from orchestration.report.source import Source

COHORTS = 12
PERIODS = 12


@dataclass(frozen=True)
class Cohorts:
    """Retention of the last monthly cohorts, oldest first. A period not yet observed is None.

    ``ratios`` start with period 1: in period 0 all of a cohort are active. A cohort in its first month is left out.
    """

    months: list[str]
    sizes: list[int]
    ratios: list[list[float | None]]

    @property
    def periods(self) -> list[str]:
        """The periods as written above the columns."""
        return [str(number) for number in range(1, len(self.ratios[0]) + 1)] if self.ratios else []

    @property
    def names(self) -> list[str]:
        """Each cohort with its size."""
        return [
            f"{month} · {formats.count(size)}" for month, size in zip(self.months, self.sizes, strict=True)
        ]


def fill(made: Section, source: Source) -> None:
    """Fill the section.

    Raises:
        MissingInputError: ``cohort_retention`` is not there.
    """
    found = monthly_cohorts(source)
    if not found.months:
        made.notes.append(Text("还没有满一个月的首购客户。", "No first-time buyer is a month old yet."))
        return
    made.charts.append(
        Chart(
            "cohorts",
            Text(
                "首购月份 × 之后第几月，再次下单的客户（%）",
                "First order month × months since, customers who ordered (%)",
            ),
            heat_map(found.periods, found.names, found.ratios),
            70 + 30 * len(found.months),
            Text(
                "左侧：首购月份 · 客户数。每行最后一格是本月，尚未结束；空白是还没到的月份。",
                "Left: month of the first order · customers. A row's last cell is this month, not over yet; "
                "blank is yet to come.",
            ),
        )
    )


def monthly_cohorts(source: Source) -> Cohorts:
    """Return the last monthly cohorts of first orders, over all channels.

    Raises:
        MissingInputError: ``cohort_retention`` is not there.
    """
    source.need(
        "cohort_retention", "cohort_month", "period_unit", "period_index", "cohort_size", "active_customers"
    )
    # Cohorts of other kinds and splits stand in the same table once it has these columns.
    only = {"cohort_kind": "first_order", "split_by": "all", "channel_code": "all", "period_unit": "month"}
    where = " and ".join(
        f"{name} = '{value}'" for name, value in only.items() if source.has("cohort_retention", name)
    )
    rows = source.rows(_COHORTS.format(where=where), periods=PERIODS, cohorts=COHORTS)
    months = list(dict.fromkeys(row["cohort_month"] for row in rows))
    sizes = {row["cohort_month"]: row["cohort_size"] for row in rows}
    active = {(row["cohort_month"], row["period_index"]): row["active_customers"] for row in rows}
    last = max((row["period_index"] for row in rows), default=0)
    ratios = [
        [
            active[month, period] / sizes[month] if (month, period) in active and sizes[month] else None
            for period in range(1, last + 1)
        ]
        for month in months
    ]
    names = [f"{month:%Y-%m}" for month in months]
    return Cohorts(names, [sizes[month] for month in months], ratios)


_COHORTS = """
select cohort_month, period_index, cohort_size, active_customers
from (
    select *, dense_rank() over (order by cohort_month desc) as age
    from cohort_retention
    where {where} and period_index between 1 and $periods
) as ranked
where age <= $cohorts
order by cohort_month, period_index
"""
