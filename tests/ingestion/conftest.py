from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import stamina
from pydantic import SecretStr

import ingestion.http
from common.lake import Arrival, Lake
from common.settings import Settings

SECRET = "planted-corp-secret-51c4"
TOKEN = "planted-access-token-9e77"
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
