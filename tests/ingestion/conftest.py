from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import stamina
from pydantic import SecretStr

import ingestion.http
from common.lake import Arrival, Lake
from common.settings import Settings
from ingestion.http import wechat_transport
from ingestion.readers import App
from ingestion.windows import Window

SECRET = "planted-corp-secret-51c4"
TOKEN = "planted-access-token-9e77"
Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
Asked = list[tuple[str, dict[str, Any]]]
DAY = dt.timedelta(days=1)
NOON = dt.datetime(2017, 3, 1, 12, tzinfo=dt.UTC)
CDNOW = Path(__file__).resolve().parents[1] / "data" / "cdnow_sample.csv"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=tmp_path / "home",
        business_timezone="America/New_York",
        first_day=dt.date(2017, 1, 1),
        wecom_base_url="https://wecom.invalid",
        wecom_corp_id="ww1",
        wecom_secret=SecretStr(SECRET),
        wechat_base_url="https://wechat.invalid",
        shop_app_id="wx2",
        shop_secret=SecretStr(SECRET),
        finder_app_id="wx3",
        finder_secret=SecretStr(SECRET),
        api_calls_per_minute=1_000_000,
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake_dir)


@pytest.fixture
def no_waiting(monkeypatch):
    """Retries at once; a block of a minute lasts no time (tests/ingestion/test_pace.py measures it)."""
    monkeypatch.setattr(ingestion.http, "MINUTE_BLOCK_SECONDS", 0.0)
    with stamina.set_testing(True, attempts=4):
        yield


def rows_of(arrival: Arrival) -> list[dict[str, Any]]:
    """All rows of an arrival, in the order of its parts."""
    parts = sorted(arrival.path.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def landed(arrivals: list[Arrival]) -> dict[str, list[dict[str, Any]]]:
    """Rows of several arrivals by stream."""
    return {arrival.stream.key: rows_of(arrival) for arrival in arrivals}


@pytest.fixture
def apps(settings: Settings) -> Settings:
    settings.official_app_id, settings.official_secret = "wx5", SecretStr(SECRET)
    settings.miniprogram_app_id, settings.miniprogram_secret = "wx4", SecretStr(SECRET)
    return settings


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], Asked]:
    """Let ``fetch`` talk to answer(path's last part, body or query); what was asked is kept."""

    def serve(answer: Answer) -> Asked:
        asked: Asked = []

        def respond(request: httpx.Request) -> httpx.Response:
            name = request.url.path.rsplit("/", 1)[-1]
            if name == "stable_token":
                return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
            query = {key: value for key, value in request.url.params.items() if key != "access_token"}
            body = json.loads(request.content) if request.content else query
            asked.append((name, body))
            return httpx.Response(200, json=answer(name, body))

        def transport(app: App, settings: Settings) -> Any:
            return wechat_transport(
                "https://api.invalid",
                app.name,
                SecretStr(SECRET),
                calls_per_minute=1_000_000,
                http_transport=httpx.MockTransport(respond),
            )

        monkeypatch.setattr(App, "transport", transport)
        return asked

    return serve


def payloads(arrival: Arrival) -> list[dict[str, Any]]:
    """Payloads of a records stream's arrival."""
    return [json.loads(row["payload"]) for row in rows_of(arrival)]


def admitted(lake: Lake, arrivals: list[Arrival]) -> None:
    """Let all of them into the lake."""
    for arrival in arrivals:
        lake.admit(arrival)


def window(start: dt.datetime = NOON, days: float = 1) -> Window:
    """A window of so many days."""
    return Window(start, start + days * DAY)
