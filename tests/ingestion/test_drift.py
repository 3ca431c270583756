"""Schema drift is noticed against the last loads: new, vanished and retyped paths, and nothing else."""

from __future__ import annotations

import json

import pytest

from common.streams import STREAMS
from ingestion.apps import WECOM
from ingestion.drift import drift, shape_of
from ingestion.fetch import fetch
from ingestion.once import ONCE_NAME
from tests.ingestion.conftest import rows_of
from tests.ingestion.test_once import write


def records(count, **fields):
    return [{"userid": f"u{n}", "age": n, "tags": [{"name": "a"}], **fields} for n in range(count)]


@pytest.fixture
def bring(settings, lake, monkeypatch):
    """bring(records) -> the admitted report of wecom/staff."""

    def bring_(said):
        monkeypatch.setattr("ingestion.fetch.READERS", {"wecom/staff": (WECOM, lambda question: iter(said))})
        (arrival,) = fetch(settings, lake, "wecom/staff", window=None)
        rows = rows_of(arrival)
        return lake.admit(arrival), rows

    return bring_


def test_shape__counts_shares_and_leaves_empty_fields_out(tmp_path):
    said = [{"a": 1, "b": {"c": "x"}}, {"a": "1", "b": {"c": ""}}, {"a": 2, "l": [{"d": True}], "e": None}]
    write(tmp_path / ONCE_NAME, *((str(n), json.dumps(each)) for n, each in enumerate(said)))
    assert shape_of(tmp_path) == {
        "rows": 3,
        "paths": {"a": [1.0, "mixed"], "b.c": [0.333, "text"], "l[].d": [0.333, "boolean"]},
    }


def test_first_load__is_no_drift_and_the_same_again_neither(bring):
    assert "drift" not in bring(records(30))[0].details
    assert "drift" not in bring(records(31))[0].details


def test_drift__names_what_is_new_gone_and_retyped_and_keeps_unknown_fields(bring):
    bring(records(30, score=1, note="n"))
    said = records(30, note=5, level={"code": 9})
    report, rows = bring(said)
    assert report.details["drift"] == [
        "new: level.code (number)",
        "retyped: note is number, was text",
        "vanished: score, which 100% of the records had",
    ]
    assert [json.loads(row["payload"]) for row in rows] == said, "unknown fields are kept as they came"
    assert "drift" not in bring(records(31, note=5, level={"code": 9}))[0].details, "reported once"


def test_few_records__say_nothing_about_what_vanished():
    usual = {"rows": 100, "paths": {"a": [1.0, "text"], "rare": [0.1, "text"]}}
    assert drift({"rows": 5, "paths": {"b": [1.0, "text"]}}, [usual]) == ["new: b (text)"]
    assert drift({"rows": 50, "paths": {"a": [1.0, "text"]}}, [usual]) == [], "a rare field may be missing"
    assert drift({"rows": 50, "paths": {"b": [1.0, "text"]}}, [{"rows": 3, "paths": {}}]) == []
    assert drift({"rows": 0, "paths": {}}, [usual]) == []


def test_a_field_in_two_spellings__is_not_retyped_every_day():
    both = [{"rows": 50, "paths": {"a": [1.0, "number"]}}, {"rows": 50, "paths": {"a": [1.0, "text"]}}]
    assert drift({"rows": 50, "paths": {"a": [1.0, "number"]}}, both) == []
    assert STREAMS["wecom/staff"].holds_records
