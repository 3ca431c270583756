"""Fetch, judge, admit: one bad stream holds itself, and nothing is judged twice."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import expectations.runner
import ingestion.fetch
from common.lake import Arrival, Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS, streams_of
from orchestration.landing import StreamResult, land

DAY = dt.date(2026, 11, 20)
Rows = dict[str, list[dict[str, Any]]]


def record(key: str, payload: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(payload, sort_keys=True)
    return {
        "record_key": key,
        "op": "upsert",
        "payload": text,
        "payload_hash": hashlib.sha256(text.encode()).hexdigest(),
        "phone_hmacs": "[]",
        "source": "test",
    }


def staff(*names: str) -> list[dict[str, Any]]:
    return [record(name, {"userid": name}) for name in names]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, first_day=dt.date(2026, 1, 1))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the APIs answer per stream: rows, or an exception."""
    found: dict[str, Any] = {}

    def fetch(settings: Settings, lake: Lake, key: str, *, window: Any) -> list[Arrival]:
        rows = found[key]
        if isinstance(rows, Exception):
            raise rows
        end = window.end.isoformat() if key.startswith("video_account/") else None
        return [lake.arrive_rows(STREAMS[key], rows, LoadReport(key, "test", len(rows), window_end=end))]

    monkeypatch.setattr(ingestion.fetch, "configured_streams", lambda settings: list(found))
    monkeypatch.setattr(ingestion.fetch, "fetch", fetch)
    return found


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Subjects that the real gate was asked about."""
    subjects: list[str] = []
    real: Callable[..., Any] = expectations.runner.judge_many

    def judge_many(requests: Any, **options: Any) -> Any:
        wanted = list(requests)
        subjects.extend(request.subject for request in wanted)
        return real(wanted, **options)

    monkeypatch.setattr(expectations.runner, "judge_many", judge_many)
    return subjects


def land_wecom(settings: Settings) -> dict[str, StreamResult]:
    lake = Lake(settings.lake_dir)
    return {result.stream.name: result for result in land(settings, lake, streams_of("wecom"), DAY)}


def test_land__holds_what_fails_reports_what_cannot_be_fetched_and_admits_the_rest(
    settings: Settings, answers: dict[str, Any], judged: list[str]
) -> None:
    answers["wecom/staff"] = staff("zhang", "li")
    answers["wecom/corp_tags"] = ConnectionError("no route; access_token=planted-token")
    answers["wecom/contacts"] = []  # an empty full scan would delete everybody
    found = land_wecom(settings)
    lake = Lake(settings.lake_dir)
    assert found["staff"].total("changed") == 2
    assert len(lake.loads(STREAMS["wecom/staff"])) == 1
    assert found["corp_tags"].error is not None
    assert "ConnectionError" in found["corp_tags"].error
    assert "planted-token" not in found["corp_tags"].error
    assert found["contacts"].held_reasons
    assert [held.stream.key for held in lake.held()] == ["wecom/contacts"]
    assert lake.loads(STREAMS["wecom/contacts"]) == []
    assert found["groups"].note is not None  # not configured
    assert sorted(judged) == ["wecom/contacts", "wecom/staff"]


def test_land__judges_the_same_scan_once_and_a_changed_one_again(
    settings: Settings, answers: dict[str, Any], judged: list[str]
) -> None:
    answers["wecom/staff"] = staff("zhang", "li")
    land_wecom(settings)
    again = land_wecom(settings)["staff"]
    assert judged == ["wecom/staff"]
    assert again.verdicts[0]["judged_before"]
    assert again.total("changed") == 0
    answers["wecom/staff"] = staff("zhang", "li", "wang")
    assert land_wecom(settings)["staff"].total("changed") == 1
    assert judged == ["wecom/staff", "wecom/staff"]


def test_land__does_not_judge_a_window_without_news(
    settings: Settings, answers: dict[str, Any], judged: list[str]
) -> None:
    key = "video_account/aftersales"
    answers[key] = []
    lake, stream = Lake(settings.lake_dir), STREAMS[key]
    land(settings, lake, [stream], DAY)
    assert judged == []
    cursor = lake.cursor(stream)
    assert cursor is not None
    assert cursor > dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
