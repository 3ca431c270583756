"""P6 and P6i: the real dbt models of identity on generated lakes, and the same edges through scipy and splink.

Seconds are what the models took, as dbt's run_results.json says. P6 is the *closure*: from the table of links read to
the table of components written. The peers get the same edges, ready and distinct, as numbers in Parquet, and write
nothing. Printed beside it is the whole of identity, from staged records to the finished bridge: texts compared,
numbers given, limits counted. P6i is about that whole.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.dbt import run_dbt
from bench.measure import ROUNDS, Measure
from common.lake import Lake, LoadReport
from common.streams import STREAMS
from sandbox.generate.added import AddedDay, add_day
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer

# Few orders a customer: an edge between identifiers is shown by one or two records, as in a register.
MIX = Mix(orders=0.5, most_lines=0, coupon_uses=0, points_changes=0, shop_orders=0.6, groups=0, lives=False)
IDENTIFIERS_PER_CUSTOMER = 3.74
# Brings about 1% new edges: newcomers with all of theirs, known members with a new phone, known buyers.
ONE_PERCENT = AddedDay(share=0.005, moved=0.005, newcomers=0.007)
CHAIN_HOPS = 1000
IDENTITY = (
    "int_identity__", "int_run__record_identifiers", "int_run__links_before", "int_run__superseded_links",
    "int_run__limits_in_doubt", "int_run__touched_identifiers", "int_run__components", "bridge_customer_identities",
)  # fmt: skip
CLOSURE = ("int_run__components", "int_identity__components")
SELECTED = ("+bridge_customer_identities", "+int_identity__components")
LINKS = "intermediate.int_identity__links"


@dataclass(frozen=True)
class IdentityRun:
    """One dbt run: seconds of each identity model, and the peak memory of the process in GiB."""

    models: dict[str, float]
    peak_gib: float

    @property
    def seconds(self) -> float:
        return sum(self.models.values())

    @property
    def closure_seconds(self) -> float:
        """Of these the closure itself: from the table of links to the written table of components."""
        return sum(self.models[name] for name in CLOSURE)


def p6(identifiers: int | None, folder: Path) -> Measure:
    """Closure ÷ scipy, ÷ splink, peak memory; at 1 M and 10 M identifiers when no size is asked for."""
    measures = [_p6(size, folder / str(size)) for size in ([identifiers] if identifiers else [10**6, 10**7])]
    for measure in measures[:-1]:
        print(" ", measure.line(), flush=True)
    return measures[-1]


def _p6(identifiers: int, folder: Path) -> Measure:
    home = _new_home(folder, identifiers)
    ours: list[IdentityRun] = []
    peers: dict[str, list[float]] = {"scipy": [], "scipy_on_keys": [], "splink": []}
    for round_no in range(ROUNDS):
        ours.append(run_identity(home, rebuild=True))
        components = export_edges(home, folder)
        for peer, seconds in peers.items():
            seconds.append(run_peer(peer, folder, components if peer != "scipy_on_keys" else None))
        each = ", ".join(f"{peer} {seconds[-1]:.2f} s" for peer, seconds in peers.items())
        print(
            f"  round {round_no + 1}: closure {ours[-1].closure_seconds:.1f} s of {ours[-1].seconds:.1f} s, "
            f"{ours[-1].peak_gib:.1f} GiB; {each}",
            flush=True,
        )
    _print_models(ours[-1])
    _check_chain(home)
    medians = {peer: statistics.median(each) for peer, each in peers.items()}
    closure = statistics.median(run.closure_seconds for run in ours)
    whole = statistics.median(run.seconds for run in ours)
    peak = max(run.peak_gib for run in ours)
    known = _one(home, "select count(*) from intermediate.int_identity__identifiers")
    print(
        f"  {known:,} identifiers: closure ÷ scipy {closure / medians['scipy']:.2f} (goal 2), ÷ splink "
        f"{closure / medians['splink']:.2f} (goal 1); peak {peak:.1f} GiB (goal 16 at 40 M), "
        f"chain of {CHAIN_HOPS:,} hops closed",
        flush=True,
    )
    print(
        f"  the whole of identity {whole:.1f} s: ÷ scipy {whole / medians['scipy']:.1f}, ÷ scipy on keys as text "
        f"{whole / medians['scipy_on_keys']:.1f}, ÷ splink {whole / medians['splink']:.1f}",
        flush=True,
    )
    details = {
        "closure_seconds": closure,
        "whole_seconds": whole,
        "peak_gib": peak,
        **{f"{peer}_seconds": each for peer, each in medians.items()},
    }
    return Measure("P6", closure / medians["scipy"], "ratio", 2, "scipy_connected_components", known, details)


def p6i(identifiers: int | None, folder: Path) -> Measure:
    """A day with 1% new edges ÷ full; the same lake, one day longer each round."""
    home = _new_home(folder, identifiers or 10**7)
    full, day, shares = [], [], []
    for round_no in range(ROUNDS):
        full.append(run_identity(home, rebuild=True))
        before = _copy_edges(home, folder / "before.parquet")
        add_day(Lake(home / "lake"), ONE_PERCENT, lambda text: None)
        day.append(run_identity(home, rebuild=False))
        shares.append(_new_edges(home, folder / "before.parquet") / before)
        print(
            f"  round {round_no + 1}: full {full[-1].seconds:.1f} s, day with {shares[-1]:.2%} new edges "
            f"{day[-1].seconds:.2f} s",
            flush=True,
        )
    _print_models(day[-1])
    ratio = statistics.median(run.seconds for run in day) / statistics.median(run.seconds for run in full)
    known = _one(home, "select count(*) from intermediate.int_identity__identifiers")
    return Measure(
        "P6i", ratio, "ratio", 0.05, "identity_rebuild", known, {"new_edges": statistics.median(shares)}
    )


def run_identity(home: Path, *, rebuild: bool) -> IdentityRun:
    """Run the models up to the identity bridge, and no others; staging runs too and is not counted.

    Raises:
        RuntimeError: dbt failed, or the run was not of the asked kind.
    """
    peak = run_dbt(home, "run", "--select", *SELECTED, *(["--full-refresh"] if rebuild else []))
    with duckdb.connect(str(home / "warehouse.duckdb")) as db:
        kind = db.execute("select is_rebuild from meta.run_log order by run_no desc limit 1").fetchall()
        if kind != [(rebuild,)]:
            raise RuntimeError(f"expected a run with is_rebuild = {rebuild}, got {kind}")
        # A run of a part is no base to build on; here nothing but identity is looked at.
        db.execute("update meta.run_log set state = 'complete'")
    results = json.loads((home / "target" / "run_results.json").read_text())["results"]
    times = {each["unique_id"].split(".")[-1]: each["execution_time"] for each in results}
    return IdentityRun({name: each for name, each in times.items() if name.startswith(IDENTITY)}, peak)


def export_edges(home: Path, folder: Path) -> int:
    """Write nodes and distinct edges for the peers; returns how many components identity found."""
    _copy_edges(home, folder / "edges.parquet")
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        identifiers = "intermediate.int_identity__identifiers"
        db.execute(f"copy (select identifier_no from {identifiers}) to '{folder}/nodes.parquet'")
        db.execute(f"""
            copy (
                select a.identifier_key as a, b.identifier_key as b
                from '{folder}/edges.parquet' as edges
                join {identifiers} as a on a.identifier_no = edges.a
                join {identifiers} as b on b.identifier_no = edges.b
            ) to '{folder}/keys.parquet'
        """)
    return _one(home, "select count(distinct component_no) from intermediate.int_identity__components")


def run_peer(peer: str, folder: Path, components: int | None) -> float:
    """Run a peer on the exported edges; returns its seconds.

    Raises:
        RuntimeError: it failed, or found other components than identity.
    """
    (folder / "splink.duckdb").unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.peers", peer, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if components is not None and found["components"] != components:
        raise RuntimeError(f"{peer}: expected {components} components, got {found['components']}")
    return float(found["seconds"])


def _new_home(folder: Path, identifiers: int) -> Path:
    """A home with a lake of about so many identifiers and the chain, and every model built from nothing."""
    home = folder / "home"
    plan = Plan(round(identifiers / IDENTIFIERS_PER_CUSTOMER), mix=MIX)
    start = time.perf_counter()
    Writer(Lake(home / "lake"), plan, lambda text: None).write_days()
    _add_chain(Lake(home / "lake"), plan)
    print(f"  lake of about {identifiers:,} identifiers: {time.perf_counter() - start:.0f} s", flush=True)
    # Before the first load nothing is known: every table is there afterwards, and identity can be run alone.
    run_dbt(home, "run", known_at="19700101T000000000000Z")
    return home


def _add_chain(lake: Lake, plan: Plan) -> None:
    """Orders that join 501 buyer ids and 500 openids one after the other."""
    stream = STREAMS["miniprogram/orders"]
    empty, paid_at = dict.fromkeys(stream.columns.names), dt.datetime.fromisoformat("2026-01-01")
    rows = [
        {
            **empty, "order_id": f"hop{hop}", "buyer_id": f"hop{(hop + 1) // 2}", "openid": f"hop{hop // 2}",
            "app_id": "chain", "buyer_source": "chain", "paid_at": paid_at, "amount_fen": 1, "status": "completed",
            "source": "chain", "source_line": hop,
        }
        for hop in range(CHAIN_HOPS)
    ]  # fmt: skip
    at = plan.loaded_at(plan.last_load) + dt.timedelta(hours=1)
    report = LoadReport(stream=stream.key, source="chain", rows=len(rows))
    lake.admit(lake.arrive_rows(stream, rows, report), at=at)


def _check_chain(home: Path) -> None:
    found = _one(
        home,
        "select count(distinct customer_id) * 1000000 + count(*) from marts.bridge_customer_identities "
        "where identifier_key like 'buyer_id:chain:%' or identifier_key like 'openid:chain:%'",
    )
    if found != 1_000_000 + CHAIN_HOPS + 1:
        raise RuntimeError(f"the chain of {CHAIN_HOPS} hops is not one customer")


def _copy_edges(home: Path, path: Path) -> int:
    """Write the distinct edges that join, as the components model reads them; returns how many."""
    limited = "select identifier_no from intermediate.int_identity__limited"
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        done = db.execute(f"""
            copy (
                select distinct hub_no as a, identifier_no as b from {LINKS} where hub_no <> identifier_no
                and identifier_no not in ({limited}) and hub_no not in ({limited})
            ) to '{path}'
        """)
        return int(done.fetchall()[0][0])


def _new_edges(home: Path, before: Path) -> int:
    return _one(
        home,
        f"select count(*) from (select distinct hub_no as a, identifier_no as b from {LINKS} "
        f"where hub_no <> identifier_no except from '{before}')",
    )


def _one(home: Path, sql: str) -> int:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        return int(db.execute(sql).fetchall()[0][0])


def _print_models(run: IdentityRun) -> None:
    slowest = sorted(run.models.items(), key=lambda each: -each[1])[:6]
    print("  " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in slowest), flush=True)
