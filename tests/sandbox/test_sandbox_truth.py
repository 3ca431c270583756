"""The truth file tells of every stream. That a clean run holds it is proved in ``tests/flows/test_faults.py``."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from common.streams import STREAMS
from ingestion.apps import READERS
from sandbox.__main__ import main
from sandbox.truth import TELLERS, UNTOLD

LEADS = "video_account/leads"
DAY = dt.date(2017, 1, 15)


def test_every_stream_of_records_is_told_or_says_why_not() -> None:
    records = {key for key, stream in STREAMS.items() if stream.holds_records}
    assert records == TELLERS.keys() | UNTOLD.keys()
    assert not TELLERS.keys() & UNTOLD.keys()
    assert records >= READERS.keys(), "whatever a reader brings is among them"
    assert all(UNTOLD.values()), "the reason"


def test_leads_are_told_to_the_holder_of_the_key(serve: Callable[..., Any]) -> None:
    without, with_key = serve("without", day=DAY), serve("with", day=DAY, pii_key=b"k" * 32)
    refused = without.get("/sandbox/truth", params={"stream": LEADS})
    assert refused.status_code == 400
    assert "SIYU_PII_KEY" in refused.json()["error"]
    first = json.loads(next(without.get("/sandbox/truth").iter_lines()))
    assert LEADS not in first["streams"]
    head, *told = with_key.get("/sandbox/truth", params={"stream": LEADS}).text.splitlines()
    assert json.loads(head)["streams"] == [LEADS]
    assert {json.loads(line)["stream"] for line in told} == {LEADS}


def test_another_key_tells_of_other_ids(serve: Callable[..., Any]) -> None:
    told = [
        serve(key, day=DAY, pii_key=key.encode() * 32).get(f"/sandbox/truth?stream={LEADS}") for key in "ab"
    ]
    first, second = ({json.loads(line)["key"] for line in each.text.splitlines()[1:]} for each in told)
    assert len(first) == len(second) > 0
    assert not first & second


def test_a_key_too_short_for_a_home_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIYU_PII_KEY", "short")
    assert main(["--port", "0"]) == 2
    assert "SIYU_PII_KEY: expected at least 32 bytes, got 5" in capsys.readouterr().err
