"""A record that came twice in one fetch is landed once, in the state read last; others stay in order."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.streams import RECORD_COLUMNS, STREAMS
from ingestion.fetch import fetch
from ingestion.once import keep_last
from ingestion.readers import App, Reader
from tests.ingestion.conftest import rows_of


def write(path: Path, *records: tuple[str, str]) -> None:
    rows = [
        dict.fromkeys(RECORD_COLUMNS.names) | {"record_key": key, "payload": text} for key, text in records
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=RECORD_COLUMNS), path)


def test_keep_last__over_several_parts(tmp_path: Path) -> None:
    write(tmp_path / "part-0000.parquet", ("a", "1"), ("b", "1"), ("a", "2"))
    write(tmp_path / "part-0001.parquet", ("c", "1"), ("b", "2"))
    assert keep_last(tmp_path) == 2
    (part,) = tmp_path.glob("part-*.parquet")
    assert [(row["record_key"], row["payload"]) for row in pq.read_table(part).to_pylist()] == [
        ("a", "2"),
        ("c", "1"),
        ("b", "2"),
    ]


def test_keep_last__leaves_parts_without_doubles_alone(tmp_path: Path) -> None:
    write(tmp_path / "part-0000.parquet", ("a", "1"), ("b", "1"))
    before = (tmp_path / "part-0000.parquet").read_bytes()
    assert keep_last(tmp_path) == 0
    assert (tmp_path / "part-0000.parquet").read_bytes() == before


def test_fetch__counts_doubles_beside_the_rows(settings, lake, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [{"userid": "li"}, {"userid": "wang"}, {"userid": "li"}, {"nobody": 1}]
    reader: Reader = lambda question: iter(said)  # noqa: E731
    monkeypatch.setattr("ingestion.fetch.READERS", {"wecom/staff": (_app(), reader)})
    arrival, quarantine = fetch(settings, lake, "wecom/staff", window=None)
    assert [json.loads(row["payload"])["userid"] for row in rows_of(arrival)] == ["wang", "li"]
    assert (arrival.report.rows, arrival.report.quarantined, arrival.report.details["doubles"]) == (3, 1, 1)
    assert len(rows_of(quarantine)) == 1
    assert STREAMS["wecom/staff"].complete


def _app() -> App:
    from ingestion.apps import WECOM

    return WECOM
