"""P7: the diff of a large segment beside a bare anti-join of the same keys."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import sqlalchemy as sa

from activation.destinations import build
from activation.drafts import drafting
from activation.ledger import Ledger
from activation.policy import load_policy
from activation.tables import state_copies
from bench.measure import Measure
from common.settings import Settings
from common.warehouse import connect

CODE, GROUP, TAG = "everybody", "Siyu_bench", "everybody"
_CHANGED_PERCENT = 1


def p7(rows: int, folder: Path, rounds: int) -> Measure:
    """Seconds of the diff of a segment of which 1% joined and 1% left; the ratio to a bare anti-join beside."""
    settings = Settings(_env_file=None, home=folder / "home")  # type: ignore[call-arg]
    settings.home.mkdir(parents=True)
    _write_warehouse(settings, rows)
    _write_state(settings, rows)
    policy = load_policy()
    target = build("wecom_tags", settings, policy)
    ours, bare = [], []
    for round_no in range(rounds):
        bare.append(_bare_seconds(settings))
        start = time.perf_counter()
        with Ledger(settings) as ledger, drafting(settings, ledger, CODE, target, policy) as draft:
            ours.append(time.perf_counter() - start)
            joined, left = draft.diff.counts["add"], draft.diff.counts["remove"]
        if not joined == left == rows * _CHANGED_PERCENT // 100:
            raise AssertionError(
                f"expected {_CHANGED_PERCENT}% to join and to leave, got {joined} and {left}"
            )
        print(f"  round {round_no + 1}: diff {ours[-1]:.2f} s, bare anti-join {bare[-1]:.2f} s", flush=True)
    seconds = statistics.median(ours)
    ratio = seconds / statistics.median(bare)
    return Measure("P7", seconds, "seconds", 5, "absolute", rows, {"ratio_to_bare_anti_join": ratio})


def _write_warehouse(settings: Settings, rows: int) -> None:
    first = rows * _CHANGED_PERCENT // 100
    with connect(settings.warehouse_path) as db:
        db.execute("create schema marts; create schema activation")
        db.execute(
            f"create table marts.segments as select '{CODE}' as segment_code, 'P7' as name_zh, "
            f"'wecom_tags' as destinations, '{GROUP}' as tag_group_name, '{TAG}' as tag_name, 1 as rule_version"
        )
        people = (
            "select i, 'c' || substr(md5(i::varchar), 1, 20) as customer_id "
            f"from range({first}, {first + rows}) t(i)"
        )
        db.execute(
            f"create table marts.segment_members as select '{CODE}' as segment_code, customer_id, "
            f"false as is_holdout from ({people}) order by hash(i)"
        )
        db.execute(
            f"create table activation.act_wecom__segment_tags as select '{CODE}' as segment_code, "
            f"'{GROUP}' as tag_group_name, '{TAG}' as tag_name, customer_id, 'staff' || (i % 200) as userid, "
            f"'wm' || md5(customer_id) as external_userid from ({people}) order by hash(i)"
        )


def _write_state(settings: Settings, rows: int) -> None:
    """A copy as the ledger makes it, without the ten million rows that it is made from."""
    settings.state_copies_dir.mkdir()
    with connect() as db:
        db.execute(
            "copy (select 'staff' || (i % 200) || '|wm' || md5(customer_id) as row_key, customer_id, "
            f"""'{{"tag_group_name":"{GROUP}","tag_name":"{TAG}"}}' as content """
            "from (select i, 'c' || substr(md5(i::varchar), 1, 20) as customer_id "
            f"from range({rows}) t(i)) order by row_key) "
            f"to '{settings.state_copies_dir / 'bench.parquet'}' (format parquet, compression zstd)"
        )
    with Ledger(settings) as ledger, ledger.writing() as book:
        values = {"segment_code": CODE, "destination": "wecom_tags", "copy_id": "bench", "version": 1}
        book.execute(sa.insert(state_copies).values(**values, rows=rows))


def _bare_seconds(settings: Settings) -> float:
    """Both directions of the difference, as anybody would write them."""
    with connect(settings.warehouse_path, read_only=True) as db:
        wanted = (
            "(select userid || '|' || external_userid as row_key from activation.act_wecom__segment_tags)"
        )
        there = f"read_parquet('{settings.state_copies_dir / 'bench.parquet'}')"
        start = time.perf_counter()
        db.execute(f"create temp table joined as from {wanted} as w anti join {there} as t using (row_key)")
        db.execute(f"create temp table gone as from {there} as t anti join {wanted} as w using (row_key)")
        return time.perf_counter() - start
