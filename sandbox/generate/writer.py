"""Writes generated loads: each stream's SQL, part by part, straight to Parquet, and admits the load.

Two parts are in the making at a time and each is streamed, so memory follows the part (about 1 GB in all) and not the
lake. What a part holds depends on its numbers alone, never on the number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.lake import Lake, LakeError, LoadReport
from common.streams import STREAMS, Stream
from common.warehouse import connect
from sandbox.generate import miniprogram, shop, wecom
from sandbox.generate.people import People
from sandbox.generate.plan import BASE_DAY, CHANGE_DAYS, PART_ROWS, Flow, Plan, Slice, parts_of

THREADS = 2
PLAN_FILE = "_generated.json"


@dataclass(frozen=True)
class Recipe:
    """One stream: its SQL, and which numbers may appear in the load of a day, part by part."""

    stream: Stream
    body: str
    pieces: Callable[[int], list[list[Slice]]]
    # Of the numbers of a piece: another name for each, and which of them take part.
    number: str = "no"
    taken: str | None = None


def recipes(plan: Plan) -> list[Recipe]:
    """Return what a plan delivers, in the order of admission: people before their orders."""

    def back(flow: Flow, days: int, rows: int = PART_ROWS) -> Callable[[int], list[list[Slice]]]:
        def pieces(load: int) -> list[list[Slice]]:
            first = BASE_DAY if load == plan.first_load else max(load - days, BASE_DAY)
            return list(parts_of(flow.of_days(first, load), rows))

        return pieces

    def live_days(load: int) -> list[list[Slice]]:
        first = 0 if load == plan.first_load else load
        return [[(day, day, day + 1) for day in range(first, load + 1) if plan.is_live(day)]]

    def all_staff(load: int) -> list[list[Slice]]:
        return [[(load, 0, wecom.staff_count(plan))]] if load == plan.first_load else []

    def whole_groups(load: int) -> list[list[Slice]]:
        low, high = wecom.group_reach(plan, load)
        step = wecom.GROUP_SPAN * 1000
        return [people.of_numbers(start, min(start + step, high)) for start in range(low, high, step)]

    mix, people, orders, shop_orders = plan.mix, plan.registrations, plan.orders, plan.shop_orders
    offered = [
        (mix.contacts, "wecom/staff", wecom.staff, all_staff),
        (mix.members, "miniprogram/members", miniprogram.members, back(people, CHANGE_DAYS)),
        (mix.contacts, "wecom/contacts", wecom.contacts, back(people, CHANGE_DAYS)),
        (mix.groups, "wecom/groups", wecom.groups, whole_groups),
        (mix.lives, "video_account/lives", shop.lives, live_days),
        (mix.orders, "miniprogram/orders", miniprogram.orders, back(orders, 22)),
        (mix.orders * mix.most_lines, "miniprogram/order_lines", miniprogram.order_lines, back(orders, 7, 500_000)),
        (mix.coupon_uses, "miniprogram/coupon_uses", miniprogram.coupon_uses, back(plan.coupon_uses, 7)),
        (mix.points_changes, "miniprogram/points_changes", miniprogram.points_changes, back(plan.points_changes, 7)),
        (mix.shop_orders, "video_account/shop_orders", shop.shop_orders, back(shop_orders, 8, 300_000)),
        (mix.shop_orders, "video_account/aftersales", shop.aftersales, back(shop_orders, 10, 2_000_000)),
    ]  # fmt: skip
    return [
        Recipe(STREAMS[key], make(People(plan)), pieces) for wanted, key, make, pieces in offered if wanted
    ]


class Writer:
    """Writes loads of a plan into one lake."""

    def __init__(self, lake: Lake, plan: Plan, line: Callable[[str], None]) -> None:
        self.lake, self.plan, self._line = lake, plan, line

    def write_days(self) -> int:
        """Write every day's loads into an empty lake; returns the rows written.

        Raises:
            LakeError: the lake holds loads already.
        """
        if self.lake.last_load_id() is not None:
            raise LakeError(
                f"expected an empty lake at {self.lake.root}, it has loads; set SIYU_HOME elsewhere"
            )
        self.lake.ensure()
        self.plan.save(self.lake.root / PLAN_FILE)
        made, total = recipes(self.plan), 0
        for load in range(self.plan.first_load, self.plan.last_load + 1):
            total += self.write_load(load, made)
        return total

    def write_load(self, load: int, made: list[Recipe]) -> int:
        """Write the loads of one day, one a stream; returns the rows written."""
        start, total = time.perf_counter(), 0
        for position, recipe in enumerate(made):
            total += self._write_stream(recipe, load, position)
        seconds = time.perf_counter() - start
        self._line(f"{self.plan.date_of(load)}: {total:,} rows in {seconds:.1f} s")
        return total

    def _write_stream(self, recipe: Recipe, load: int, position: int) -> int:
        folder = self.lake.new_arrival_dir(recipe.stream)
        start = time.perf_counter()
        with connect() as db, ThreadPoolExecutor(THREADS) as pool:
            db.execute(f"set threads = {THREADS}")
            asked = [
                pool.submit(
                    self._write_part, db.cursor(), recipe, piece, load, folder / f"part-{number:05d}.parquet"
                )
                for number, piece in enumerate(recipe.pieces(load))
                if piece
            ]
            rows = sum(each.result() for each in asked)
        self.admit(recipe.stream, folder, rows, load, position)
        if rows > 1_000_000:
            self._line(f"  {recipe.stream.key}: {rows:,} rows in {time.perf_counter() - start:.1f} s")
        return rows

    def admit(self, stream: Stream, folder: Path, rows: int, load: int, position: int) -> None:
        """Admit a folder of parts as the stream's load of that day; positions keep a day's loads in order."""
        at = self.plan.loaded_at(load).replace(microsecond=position)
        arrival = self.lake.arrive(
            stream, folder, LoadReport(stream=stream.key, source="generated", rows=rows)
        )
        if rows:
            self.lake.admit(arrival, at=at, only_changes=True)
        else:
            self.lake.discard(arrival)

    def _write_part(
        self, db: duckdb.DuckDBPyConnection, recipe: Recipe, piece: list[Slice], load: int, path: Path
    ) -> int:
        with db:
            text = str(path).replace("'", "''")
            query = statement(self.plan, recipe, piece, load)
            found = db.execute(f"copy ({query}) to '{text}' (format parquet)").fetchone()
        assert found is not None
        if not found[0]:
            path.unlink()
        return int(found[0])


def statement(plan: Plan, recipe: Recipe, piece: list[Slice], load: int) -> str:
    """Return the SELECT of one part, with the stream's columns."""
    columns = ", ".join(recipe.stream.columns.names)
    body = f"select * from ({recipe.body})"
    if recipe.stream.holds_records:
        extra = "" if "as phone_hmacs" in recipe.body else "cast(null as varchar) as phone_hmacs, "
        body = f"select *, {extra}sha256(payload) as payload_hash, 'generated' as source from ({recipe.body})"
    return f"""
with slices as (
    select * from (values {", ".join(_slice_values(plan, piece))}) as slices (day_no, day_at, customers, low, high)
),
numbers as (
    select day_no, day_at, customers, {recipe.number} as no
    from (select *, unnest(range(low, high)) as no from slices)
    where {recipe.taken or "true"}
)
select {columns} from ({body}) where {_due(plan, recipe, load)}""".replace("$L", str(load))


def _due(plan: Plan, recipe: Recipe, load: int) -> str:
    """Which rows a load brings: the first one everything up to its day, later ones what is new or has changed."""
    if recipe.taken is not None:
        return "true"
    ends = "gone_day" in recipe.body
    if load == plan.first_load:
        return "heard_day <= $L" + (" and coalesce(gone_day > $L, true)" if ends else "")
    if ends:
        return "(heard_day = $L or changed_day = $L or gone_day = $L) and coalesce(gone_day >= $L, true)"
    return "(heard_day = $L or changed_day = $L)"


def _slice_values(plan: Plan, piece: list[Slice]) -> Iterator[str]:
    for day, low, high in piece:
        yield (
            f"({day}::bigint, {plan.starts_at(day)}::bigint, {plan.registrations.until(day)}::bigint, "
            f"{low}::bigint, {high}::bigint)"
        )
