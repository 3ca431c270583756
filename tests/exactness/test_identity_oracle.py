"""Identity against a union-find oracle: random graphs, random order of arrival, random withdrawals and cuts.

Edges are mini-program orders that show a buyer id and an openid: types without limits, so that the components are the
customers. An order that is corrected to show another openid, another buyer or no openid withdraws its old edge.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from common.clock import UTC
from common.lake import LoadReport
from common.streams import STREAMS
from tests.exactness.dbt_home import DbtHome

STREAM = STREAMS["miniprogram/orders"]
IDENTITY = "+bridge_customer_identities +int_identity__components +identity_moves"
PAID_AT = dt.datetime(2026, 5, 1, 4)
FIRST_LOAD = dt.datetime(2026, 6, 1, tzinfo=UTC)
DAY = "2026-06-30"
SHANGHAI = dt.timedelta(hours=8)

Edge = tuple[str, str | None]  # buyer id, openid or none


@dataclass
class World:
    """What the orders say now, and the loads in which it was said."""

    orders: dict[str, Edge] = field(default_factory=dict)
    first_seen: dict[str, int] = field(default_factory=dict)  # identifier -> number of the load
    loads: list[list[tuple[str, Edge]]] = field(default_factory=list)

    def deliver(self, rows: list[tuple[str, Edge]]) -> None:
        """Take in a load: of several rows of an order the last one counts, but all their identifiers are seen."""
        for order, edge in rows:
            self.orders[order] = edge
            for identifier in identifiers(edge):
                self.first_seen.setdefault(identifier, len(self.loads))
        self.loads.append(rows)

    def customers(self) -> dict[str, str]:
        """Return identifier -> customer id, by union-find over the newest versions of the orders."""
        parent = {identifier: identifier for identifier in self.first_seen}

        def root(identifier: str) -> str:
            while parent[identifier] != identifier:
                parent[identifier] = parent[parent[identifier]]
                identifier = parent[identifier]
            return identifier

        for edge in self.orders.values():
            ends = [root(each) for each in identifiers(edge)]
            older, newer = min(ends, key=self._age), max(ends, key=self._age)
            parent[newer] = older
        return {identifier: customer_id(root(identifier)) for identifier in parent}

    def _age(self, identifier: str) -> tuple[int, int]:
        """Order of numbering: by load, inside a load by digest (DuckDB reads the md5 from its last byte)."""
        digest = hashlib.md5(identifier.encode(), usedforsecurity=False).digest()
        return self.first_seen[identifier], int.from_bytes(digest, "little")


def identifiers(edge: Edge) -> list[str]:
    buyer, openid = edge
    return [f"buyer_id:test:{buyer}", *([f"openid:wxtest:{openid}"] if openid else [])]


def customer_id(identifier: str) -> str:
    return "c" + hashlib.md5(identifier.encode(), usedforsecurity=False).hexdigest()[:20]


def random_loads(seed: int, edges: int, cuts: int) -> list[list[tuple[str, Edge]]]:
    """A random graph near the point where one component swallows all, cut into loads at random places."""
    chance = random.Random(seed)
    people = int(edges * 1.1)

    def edge() -> Edge:
        return (
            f"b{chance.randrange(people)}",
            f"o{chance.randrange(people)}" if chance.random() < 0.95 else None,
        )

    rows = [(f"m{number}", edge()) for number in range(edges)]
    corrections = []
    for order, (buyer, _) in chance.sample(rows, edges // 5):
        changed = [(buyer, None), (buyer, edge()[1]), edge()][chance.randrange(3)]
        corrections.append((order, changed))
    # Corrections fall anywhere behind their order, now and then into the same load.
    chance.shuffle(rows)
    place = {order: index for index, (order, _) in enumerate(rows)}
    stamped = [(float(index), row) for index, row in enumerate(rows)]
    stamped += [(chance.uniform(place[row[0]] + 0.5, edges), row) for row in corrections]
    stream = [row for _, row in sorted(stamped, key=lambda each: each[0])]
    ends = sorted({*chance.sample(range(1, len(stream)), cuts - 1), len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def admit(home: DbtHome, rows: list[tuple[str, Edge]], at: dt.datetime) -> None:
    columns: dict[str, Any] = {name: [None] * len(rows) for name in STREAM.columns.names}
    columns |= {
        "order_id": [order for order, _ in rows],
        "buyer_id": [buyer for _, (buyer, _) in rows],
        "openid": [openid for _, (_, openid) in rows],
        "app_id": ["wxtest" if openid else None for _, (_, openid) in rows],
        "buyer_source": ["test"] * len(rows),
        "paid_at": [PAID_AT] * len(rows),
        "amount_fen": [100] * len(rows),
        "status": ["completed"] * len(rows),
        "source": ["test"] * len(rows),
        "source_line": list(range(len(rows))),
    }
    table = pa.table(columns, schema=STREAM.columns)
    arrival = home.lake.arrive_table(
        STREAM, table, LoadReport(stream=STREAM.key, source="test", rows=len(rows))
    )
    home.lake.admit(arrival, at=at)


def run_identity(home: DbtHome, *, full_refresh: bool = False) -> None:
    """Run the identity models only; the others are empty, so the next run may build on this one."""
    home.run(DAY, select=IDENTITY, full_refresh=full_refresh)
    with duckdb.connect(str(home.warehouse)) as db:
        db.execute("update meta.run_log set state = 'complete'")


def found_customers(home: DbtHome) -> dict[str, str]:
    found = home.query("select identifier_key, customer_id from marts.bridge_customer_identities")
    assert len(found) == len(dict(found)), "an identifier has two owners"
    return dict(found)


def found_moves(home: DbtHome) -> set[tuple[dt.date, str, str, str]]:
    found = home.query(
        "select moved_date, identifier_key, from_customer_id, to_customer_id from marts.identity_moves"
    )
    assert len(found) == len(set(found)), "a move is told twice"
    return set(found)


def expected_moves(evenings: dict[dt.date, dict[str, str]]) -> set[tuple[dt.date, str, str, str]]:
    """Whoever had another customer the evening before."""
    return {
        (day, identifier, before[identifier], after[identifier])
        for (_, before), (day, after) in pairwise(evenings.items())
        for identifier in before
        if before[identifier] != after[identifier]
    }


def compare(home: DbtHome, seed: int, edges: int, cuts: int) -> None:
    """Runs fall where they like: several loads before one, several on one day."""
    home.clear()
    home.run(DAY, known_at="19700101T000000000000Z")
    chance, world, at, runs = random.Random(seed), World(), FIRST_LOAD, 0
    evenings: dict[dt.date, dict[str, str]] = {}
    for rows in random_loads(seed, edges, cuts):
        world.deliver(rows)
        admit(home, rows, at)
        evenings[(at + SHANGHAI).date()] = world.customers()
        at += dt.timedelta(hours=chance.choice([7, 7, 24]))
        if chance.random() < 0.7 or len(world.loads) == cuts:
            run_identity(home)
            runs += 1
            assert found_customers(home) == world.customers(), f"after load {len(world.loads)} of seed {seed}"
            assert found_moves(home) == expected_moves(evenings)
    kinds = home.query("select is_rebuild from meta.run_log order by run_no")
    assert kinds == [(True,)] + [(False,)] * runs, "a later run was a rebuild: nothing was compared"
    assert expected_moves(evenings), "nobody moved"
    sizes = home.query(
        "select count(*) from marts.bridge_customer_identities group by customer_id order by 1 desc"
    )
    assert sizes[0][0] > 20, "nothing was joined"
    state = "select * from intermediate.int_identity__components order by identifier_no"
    step_by_step, incremental = home.query(state), found_customers(home)
    run_identity(home, full_refresh=True)
    assert found_customers(home) == incremental
    assert found_moves(home) == expected_moves(evenings)
    assert home.query(state) == step_by_step


def test_random_graph__equals_union_find_and_rebuild(home: DbtHome) -> None:
    compare(home, seed=20261121, edges=10_000, cuts=7)


def test_chain__is_closed_and_cut_in_the_middle(home: DbtHome) -> None:
    """A chain of 1,000 hops is one customer; without its middle edge it is two, and each has the id it should."""
    home.clear()
    home.run(DAY, known_at="19700101T000000000000Z")
    world = World()
    chain = [(f"m{hop}", (f"b{(hop + 1) // 2:04d}", f"o{hop // 2:04d}")) for hop in range(1000)]
    random.Random(7).shuffle(chain)
    for number, rows in enumerate([chain, [("m500", ("b0250", None))], [("m500", ("b0250", "o0250"))]]):
        world.deliver(rows)
        admit(home, rows, FIRST_LOAD + dt.timedelta(days=number))
        run_identity(home)
        assert found_customers(home) == world.customers()
        assert len(set(world.customers().values())) == (2 if number == 1 else 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("seed", "edges", "cuts"), [(1, 1_000_000, 5), *((each, 30_000, 8) for each in range(2, 7))]
)
def test_random_graphs__at_length(home: DbtHome, seed: int, edges: int, cuts: int) -> None:
    compare(home, seed, edges, cuts)


def test_oracle__knows_a_merge_and_an_unmerge() -> None:
    """The oracle itself, on a case that can be read."""
    world = World()
    world.deliver([("1", ("a", None))])
    world.deliver([("2", ("b", None))])
    world.deliver([("2", ("b", "x"))])
    world.deliver([("1", ("a", "x"))])
    assert set(world.customers().values()) == {customer_id("buyer_id:test:a")}
    world.deliver([("1", ("a", None))])
    assert set(world.customers().values()) == {customer_id("buyer_id:test:a"), customer_id("buyer_id:test:b")}
