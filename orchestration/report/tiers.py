"""会员等级: the pyramid, and who moved up and down."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.report import formats
from orchestration.report.figures import pyramid, up_down
from orchestration.report.model import Bar, Cell, Chart, Column, Section, Table, Text
from orchestration.report.source import MissingInputError, Source
from orchestration.report.today import days_to

DAYS = 30


def fill(made: Section, source: Source) -> None:
    """Fill the section.

    Raises:
        MissingInputError: ``member_tiers`` is not there.
    """
    found = tier_sizes(source)
    if not found:
        made.notes.append(Text("还没有会员。", "There are no members yet."))
        return
    names, counts = [name for name, _ in found], [count for _, count in found]
    made.charts.append(
        Chart("tiers", Text("等级金字塔", "Tier pyramid"), pyramid(names, counts), 60 + 52 * len(found))
    )
    try:
        source.need("tier_history", "customer_id", "tier_rank", "tier_name_zh", "valid_from", "valid_to")
    except MissingInputError as error:
        made.notes.append(
            Text(
                f"没有升降级图：这份副本缺少 {error.args[0]}。",
                f"No flow between tiers: this copy lacks {error.args[0]}.",
            )
        )
        return
    moves = source.rows(_MOVES, first=days_to(source.as_of, DAYS)[0])
    made.charts.append(_flow(source, moves))
    if moves:
        made.tables.append(_table(moves))


def tier_sizes(source: Source) -> list[tuple[str, int]]:
    """Return (Chinese name, customers) of each tier, the lowest first.

    Raises:
        MissingInputError: ``member_tiers`` is not there.
    """
    source.need("member_tiers", "tier_rank", "tier_name_zh")
    rows = source.rows(
        "select tier_rank, any_value(tier_name_zh) as name_zh, count(*) as customers "
        "from member_tiers group by tier_rank order by tier_rank"
    )
    return [(row["name_zh"], row["customers"]) for row in rows]


def _flow(source: Source, moves: list[dict[str, int]]) -> Chart:
    days = days_to(source.as_of, DAYS)
    ups, downs = dict.fromkeys(days, 0), dict.fromkeys(days, 0)
    for move in moves:
        moved = ups if move["new_rank"] > move["old_rank"] else downs
        moved[move["day"]] += move["customers"]  # type: ignore[index]
    total = Text(
        f"今日升 {formats.count(ups[source.as_of])}，降 {formats.count(downs[source.as_of])}；"
        f"{DAYS} 天升 {formats.count(sum(ups.values()))}，降 {formats.count(sum(downs.values()))}",
        f"Today {ups[source.as_of]:,} up, {downs[source.as_of]:,} down; "
        f"{DAYS} days {sum(ups.values()):,} up, {sum(downs.values()):,} down",
    )
    figure = up_down([formats.day(day) for day in days], list(ups.values()), list(downs.values()))
    return Chart("tier_flow", Text(f"升降级，近 {DAYS} 天", f"Moves, last {DAYS} days"), figure, 260, total)


def _table(moves: list[dict[str, int]]) -> Table:
    counts: dict[tuple[int, int], int] = {}
    names: dict[int, str] = {}
    for move in moves:
        key = (move["old_rank"], move["new_rank"])
        counts[key] = counts.get(key, 0) + move["customers"]
        names |= {move["old_rank"]: str(move["old_name"]), move["new_rank"]: str(move["new_name"])}
    columns: Sequence[Column] = (
        (Text("从", "From"), "text"),
        (Text("到", "To"), "text"),
        (Text("人数", "Customers"), "number"),
    )
    most = max(counts.values())
    rows: list[Sequence[Cell]] = [
        (names[old], f"{'↑' if new > old else '↓'} {names[new]}", Bar(formats.count(count), count / most))
        for (old, new), count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
    return Table(Text(f"流向，近 {DAYS} 天", f"From tier to tier, last {DAYS} days"), columns, rows)


# A stretch follows the one that ends where it begins; the first stretch of a customer is no move.
_MOVES = """
select
    later.valid_from as day,
    earlier.tier_rank as old_rank,
    later.tier_rank as new_rank,
    any_value(earlier.tier_name_zh) as old_name,
    any_value(later.tier_name_zh) as new_name,
    count(*) as customers
from tier_history as later
inner join tier_history as earlier
    on earlier.customer_id = later.customer_id and earlier.valid_to = later.valid_from
where later.valid_from between $first and $as_of and earlier.tier_rank <> later.tier_rank
group by later.valid_from, earlier.tier_rank, later.tier_rank
order by later.valid_from, earlier.tier_rank, later.tier_rank
"""
