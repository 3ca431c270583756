"""The diff's SQL against the same thing said in Python, and that it stays one of hash joins."""

from __future__ import annotations

import datetime as dt
import json
import random

import pyarrow.parquet as pq
import pytest

from activation import diff
from activation.destinations.wecom_tags import WecomTags
from common.warehouse import connect

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
CONTENTS = [json.dumps({"tag_group_name": "Siyu", "tag_name": name}) for name in "ab"]


def relations(db, desired, known, members=(), excluded=(), open_intents=(), refused=()):
    """Create the relations that a diff reads."""
    for name, columns, rows in (
        ("desired", "row_key varchar, customer_id varchar, content varchar", desired),
        ("known", "row_key varchar, customer_id varchar, content varchar", known),
        ("members", "customer_id varchar", members),
        ("excluded", "customer_id varchar, reason varchar", excluded),
        ("open_intents", "row_key varchar, outcome varchar", open_intents),
        (
            "refused",
            "row_key varchar, customer_id varchar, content varchar, code_class varchar, retry varchar, "
            "first_at timestamptz, last_at timestamptz",
            refused,
        ),
    ):
        db.execute(f"create or replace temp table {name} ({columns})")
        if rows:
            db.executemany(
                f"insert into {name} values ({', '.join('?' * len(rows[0]))})", [list(r) for r in rows]
            )


def compared(db, tmp_path, known):
    return diff.compare(
        db, WecomTags, known=known, now=NOW, retry_ended_after_days=7, give_up_after_days=14, folder=tmp_path
    )


@pytest.mark.parametrize("seed", range(8))
def test_it_says_what_sets_say(tmp_path, seed):
    dice = random.Random(seed)
    keys = [f"s|{n}" for n in range(120)]
    desired = {key: dice.choice(CONTENTS) for key in keys if dice.random() < 0.6}
    known = {key: dice.choice(CONTENTS) for key in keys if dice.random() < 0.6}
    doubtful = {key for key in keys if dice.random() < 0.1}
    ended = {key: dice.choice([1, 8]) for key in keys if key not in known and dice.random() < 0.2}
    at = {days: NOW - dt.timedelta(days=days) for days in (1, 8)}
    expected = {}
    for key in sorted(desired.keys() | known.keys()):
        if key in doubtful:
            expected[key] = "held"
        elif key not in desired:
            expected[key] = "remove"
        elif key not in known:
            expected[key] = "held" if ended.get(key) == 1 else "add"
        elif desired[key] != known[key]:
            expected[key] = "change"
    with connect() as db:
        refused = [
            (key, key, desired.get(key, ""), "relation_ended", "never", at[days], at[days])
            for key, days in ended.items()
        ]
        relations(
            db,
            [(key, key, content) for key, content in desired.items()],
            [(key, key, content) for key, content in known.items()],
            [(key,) for key in desired],
            open_intents=[(key, "in_doubt") for key in sorted(doubtful)],
            refused=refused,
        )
        found = compared(db, tmp_path, len(known))
    rows = pq.read_table(found.path).to_pylist()
    assert {row["row_key"]: row["action"] for row in rows} == expected
    held = sum(1 for key in desired if expected.get(key) == "held")
    sent = found.counts["add"] + found.counts["change"]
    assert found.unchanged == len(desired) - sent - held
    assert [row["row_key"] for row in rows if row["action"] != "held"] == sorted(
        key for key, action in expected.items() if action != "held"
    )
    assert set(found.forget) == {key for key in ended if key not in desired}


def test_the_hash_is_that_of_the_rows_and_not_of_their_order_or_of_what_is_held(tmp_path):
    with connect() as db:
        some = [(f"s|{n}", f"c{n}", CONTENTS[0]) for n in range(50)]
        relations(db, some, [])
        first = compared(db, tmp_path, 0).content_hash
        relations(db, some[::-1], [], members=[("c99",)])
        assert compared(db, tmp_path, 0).content_hash == first
        relations(db, [*some[:-1], ("s|49", "c49", CONTENTS[1])], [])
        assert compared(db, tmp_path, 0).content_hash != first


def test_no_join_of_it_compares_every_row_with_every_other(tmp_path):
    with connect() as db:
        relations(db, [("s|1", "c1", CONTENTS[0])], [])
        compared(db, tmp_path, 0)
        for query in (diff._DIFFERING, diff._HELD_MEMBERS, *diff._LOOKED_AT.split(";")):
            plan = "\n".join(row[1] for row in db.execute(f"explain {query}").fetchall())
            assert "NL_JOIN" not in plan, plan
            assert "NESTED_LOOP" not in plan, plan
            assert "CROSS_PRODUCT" not in plan, plan
