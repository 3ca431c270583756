"""The lake's promises: whole or not at all, forward only, the same twice changes nothing, counts add up."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import duckdb
import pytest

from common.clock import UTC
from common.lake import ABANDONED_AFTER_SECONDS, Arrival, Lake, LakeError, LoadReport, instant_of, load_id_of
from common.streams import STREAMS

CONTACTS = STREAMS["wecom/contacts"]
LIVES = STREAMS["video_account/lives"]
ORDERS = STREAMS["miniprogram/orders"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "it's a lake")
    lake.ensure()
    return lake


def arrive(lake: Lake, stream=CONTACTS, **records: str) -> Arrival:
    rows = [
        {
            "record_key": key,
            "op": "upsert",
            "payload": text,
            "payload_hash": text,
            "phone_hmacs": "[]",
            "source": "t",
        }
        for key, text in records.items()
    ]
    return lake.arrive_rows(stream, rows, LoadReport(stream=stream.key, source="t", rows=len(rows)))


def rows(lake: Lake, stream=CONTACTS) -> list[tuple]:
    glob = lake.glob(stream).replace("'", "''")
    return duckdb.sql(
        f"select record_key, op, payload from read_parquet('{glob}') where record_key is not null order by all"
    ).fetchall()


def test_arrival__is_invisible_until_admitted(lake: Lake) -> None:
    arrival = arrive(lake, a="1")
    assert rows(lake) == []
    report = lake.admit(arrival)
    assert rows(lake) == [("a", "upsert", "1")]
    assert (report.rows, report.changed, report.deleted) == (1, 1, 0)


def test_same_records_again__add_nothing(lake: Lake) -> None:
    lake.admit(arrive(lake, a="1", b="2"))
    again = lake.admit(arrive(lake, a="1", b="2"))
    assert (again.load_id, again.changed, again.deleted) == (None, 0, 0)
    assert len(lake.loads(CONTACTS)) == 1


def test_full_scan__writes_a_delete_for_a_missing_key(lake: Lake) -> None:
    lake.admit(arrive(lake, a="1", b="2"))
    report = lake.admit(arrive(lake, a="3"))
    assert (report.changed, report.deleted) == (1, 1)
    assert ("b", "delete", None) in rows(lake)
    back = lake.admit(arrive(lake, a="3", b="2"))
    assert (back.changed, back.deleted) == (1, 0), "a key that comes back is new again"


def test_window__deletes_nothing(lake: Lake) -> None:
    lake.admit(arrive(lake, LIVES, a="1", b="2"))
    assert lake.admit(arrive(lake, LIVES, a="3")).deleted == 0


def test_load_ids__only_move_forward(lake: Lake) -> None:
    later = dt.datetime(2099, 1, 1, tzinfo=UTC)
    first = lake.admit(arrive(lake, a="1"), at=later)
    second = lake.admit(arrive(lake, LIVES, a="1"))
    assert first.load_id == load_id_of(later)
    assert instant_of(str(second.load_id)) == later + dt.timedelta(microseconds=1), (
        "the clock is behind the lake"
    )
    with pytest.raises(LakeError, match="only move forward"):
        lake.admit(arrive(lake, a="2"), at=later)


def test_held__stays_out_until_released(lake: Lake) -> None:
    report = lake.hold(arrive(lake, a="1"), "half of the keys are missing")
    assert rows(lake) == []
    assert report.held_reason == "half of the keys are missing"
    (held,) = lake.held(CONTACTS)
    assert lake.release(held).changed == 1
    assert rows(lake) == [("a", "upsert", "1")]
    assert lake.held() == []


def test_cursor__moves_with_the_admission_only(lake: Lake) -> None:
    def window(text: str, end: str) -> Arrival:
        record = {"record_key": "a", "op": "upsert", "payload": text, "payload_hash": text, "phone_hmacs": "[]",
                  "source": "t"}  # fmt: skip
        return lake.arrive_rows(
            LIVES, [record], LoadReport(stream=LIVES.key, source="t", rows=1, window_end=end)
        )

    lake.hold(window("1", "2026-01-02T00:00:00+00:00"), "bad")
    assert lake.cursor(LIVES) is None
    lake.admit(window("1", "2026-01-02T00:00:00+00:00"))
    lake.admit(window("1", "2026-01-03T00:00:00+00:00"))
    assert lake.cursor(LIVES) == dt.datetime(2026, 1, 3, tzinfo=UTC), "a window without news moves it as well"
    lake.admit(window("2", "2026-01-01T00:00:00+00:00"))
    assert lake.cursor(LIVES) == dt.datetime(2026, 1, 3, tzinfo=UTC), "a backfill does not move it back"


def test_file__is_admitted_once(lake: Lake) -> None:
    row = dict.fromkeys(ORDERS.columns.names) | {"order_id": "3724561098761234432", "buyer_id": "a"}

    def file() -> Arrival:
        report = LoadReport(stream=ORDERS.key, source="f", rows=2, quarantined=1, fingerprint="sha")
        return lake.arrive_rows(ORDERS, [row], report)

    assert lake.admit(file()).changed == 1, "rows = good + quarantined"
    assert lake.admit(file()).load_id is None


def test_sweep__takes_only_what_was_abandoned(lake: Lake) -> None:
    old, young = arrive(lake, a="1"), arrive(lake, b="1")
    then = old.path.stat().st_mtime - ABANDONED_AFTER_SECONDS - 1
    os.utime(old.path, (then, then))
    assert lake.sweep() == 1
    assert (old.path.exists(), young.path.exists()) == (False, True)
