"""Killed hard between any two writes, with faults and staff at work: in the end there is what should be there.

Each seed is one history: daily runs of which many are killed, a platform that refuses, loses answers before
and after doing the work, kills tokens and is busy, staff who mark tags of their own, members who come and go.
Then the faults end, and after two runs, a reading back with repair and one more run, plan and destination must
be equal.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import contextmanager

import pytest

from activation import log
from activation.audit import audit
from activation.ledger import Ledger

SEEDS = int(os.environ.get("SIYU_TEST_HISTORIES", "4"))
DAYS, CUSTOMERS = 5, 50
FAULTS = ["lost_before", "lost_after", "-1", "45033", "40097", "42001", "84061"]
STAFF_TAG = "et-staff"


def sync_and_die(brand, point: int, when: str) -> bool:
    """Run a sync in a child that is killed at its ``point``-th ledger write; return whether it came so far."""
    child = os.fork()
    if child == 0:
        writing, count = Ledger.writing, [0]

        @contextmanager
        def counted(self):
            count[0] += 1
            if count[0] == point and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            with writing(self) as db:
                yield db
                if count[0] == point and when == "inside":
                    os.kill(os.getpid(), signal.SIGKILL)
            if count[0] == point:
                os.kill(os.getpid(), signal.SIGKILL)

        Ledger.writing = counted  # type: ignore[method-assign]
        try:
            brand.sync()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def staff_at_work(brand, dice: random.Random, expected: dict[tuple[str, str], bool]) -> None:
    """Staff put a tag of their own on customers and take it off; they never touch ours."""
    for pair in dice.sample(sorted(brand.wecom.relations), 5):
        expected[pair] = not expected.get(pair, False)
        (brand.wecom.marked[pair].add if expected[pair] else brand.wecom.marked[pair].discard)(STAFF_TAG)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_kills_and_faults_the_destination_equals_the_plan(brand, seed, capsys):
    dice = random.Random(seed)
    brand.wecom.groups = {"员工标签": {"爱问价": STAFF_TAG}}
    brand.with_customers(CUSTOMERS)
    everybody = dict(brand.members)
    staff: dict[tuple[str, str], bool] = {}
    told: Counter[str] = Counter()
    for _ in range(DAYS):
        brand.members = {key: pairs for key, pairs in everybody.items() if dice.random() < 0.8}
        brand.holdouts = set(dice.sample(sorted(everybody), 3))
        brand.build()
        for pairs in dice.sample(sorted(everybody.values()), 8):
            brand.wecom.faults[pairs[0]].append(dice.choice(FAULTS))
            told["faults"] += 1
        for _ in range(dice.randint(1, 3)):
            staff_at_work(brand, dice, staff)
            when = dice.choice(["before", "inside", "after"])
            told["kills"] += sync_and_die(brand, dice.randint(2, 40), when)
        staff_at_work(brand, dice, staff)
        brand.sync()
    brand.wecom.faults.clear()
    for relation in everybody.values():
        brand.wecom.relations.add(relation[0])
    with Ledger(brand.settings) as book, book.writing() as db:  # who seemed gone is asked again
        db.exec_driver_sql(
            "update refusals set first_at = '2020-01-01', last_at = '2020-01-01' where retry = 'never'"
        )
    for _ in range(2):
        brand.sync()
    members = {f"wm{key[1:]}" for key in brand.members if key not in brand.holdouts}
    # Who is told to be no contact any more, and is one, keeps her tag: only a reading back can see that.
    rows = log.sync_log(brand.settings).to_pylist()
    said_gone = {row["row_key"].split("|")[1] for row in rows if row["code"] == "84061"}
    assert brand.tagged() ^ members <= said_gone
    mended = audit(brand.settings, brand.code, "wecom_tags", repair=True)
    brand.sync()
    assert brand.tagged() == members
    assert audit(brand.settings, brand.code, "wecom_tags").agrees
    for pair, is_marked in staff.items():
        assert (STAFF_TAG in brand.wecom.marked[pair]) == is_marked, "a staff tag was clobbered"
    rows = log.sync_log(brand.settings).to_pylist()
    outcomes = Counter(row["outcome"] for row in rows)
    assert set(outcomes) <= {"sent", "refused", "not_sent"}, "every row has a final receipt"
    assert len({(row["plan_id"], row["row_key"]) for row in rows}) == len(rows)
    assert told["kills"] > 0
    with capsys.disabled():
        mending = f"{len(mended.extra)} extra, {len(mended.missing)} missing"
        print(f"\n  seed {seed}: {dict(told)}, receipts {dict(outcomes)}, read back {mending}, then equal")
