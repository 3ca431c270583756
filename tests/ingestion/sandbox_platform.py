"""The sandbox as the platform behind ``fetch`` and ``land``, in this process and without a network."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from pydantic import SecretStr

from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS
from ingestion.http import Transport, wechat_transport, wecom_transport
from ingestion.readers import App
from sandbox.calendar import ZONE
from sandbox.credentials import SANDBOX_CORP_ID, SANDBOX_CORP_SECRET
from sandbox.server import create_app
from sandbox.world import World

with warnings.catch_warnings():
    # Starlette would rather have httpx2; this project's HTTP client is httpx.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours catches it."""


class Platform:
    """A sandbox that counts calls, and ends the caller at one of them."""

    def __init__(self, client: TestClient, app: Any) -> None:
        self.client, self.desk = client, app.state.desk
        self.calls: Counter[str] = Counter()
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.kill_at: int | None = None

    def show(self, day: dt.date) -> None:
        """Move the sandbox to the end of a day."""
        self.desk.show(day)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the sandbox would."""
        if not request.url.path.endswith(("gettoken", "stable_token")):
            self.calls[request.url.path.rsplit("/", 1)[-1]] += 1
            self.bodies.append((request.url.path, json.loads(request.content or b"{}")))
            if self.kill_at is not None and self.calls.total() >= self.kill_at:
                raise Killed
        answer = self.client._transport.handle_request(request)
        return httpx.Response(answer.status_code, content=answer.read())


@contextmanager
def platform(
    world: World, state_dir: Path, day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """Put a sandbox of ``world`` behind every app."""
    app = create_app(world, state_dir=state_dir, day=day)
    with TestClient(app) as client, closing(app.state.desk.state):
        outside = Platform(client, app)

        def transport(app: App, settings: Settings) -> Transport:
            connect = wecom_transport if app.name == "wecom" else wechat_transport
            return connect(
                "http://testserver",
                getattr(settings, app.account),
                getattr(settings, app.secret),
                calls_per_minute=1_000_000,
                http_transport=httpx.MockTransport(outside.answer),
            )

        monkeypatch.setattr(App, "transport", transport)
        yield outside


def home_at(path: Path, first_day: dt.date, last_day: dt.date, **more: Any) -> Settings:
    """Settings of a home of the sandbox's brand, whose world ends with ``last_day``."""
    return Settings(
        _env_file=None,
        home=path,
        business_timezone=ZONE.key,
        first_day=first_day,
        last_day=last_day,
        wecom_base_url="http://testserver",
        wecom_corp_id=SANDBOX_CORP_ID,
        wecom_secret=SecretStr(SANDBOX_CORP_SECRET),
        **more,
    )


def content(lake: Lake, *stream_keys: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the streams, without the load it came with."""
    found = {}
    with duckdb.connect() as db:
        for key in stream_keys:
            sql = f"select record_key, op, payload_hash from read_parquet('{lake.glob(STREAMS[key])}')"
            found[key] = sorted(db.execute(sql).fetchall())
    return found


def living(lake: Lake, stream_key: str) -> list[dict[str, Any]]:
    """The last payload of every record that was not deleted."""
    with duckdb.connect() as db:
        rows = db.execute(
            f"""select op, payload from read_parquet('{lake.glob(STREAMS[stream_key])}', hive_partitioning = true)
            qualify row_number() over (partition by record_key order by load_id desc) = 1 order by record_key"""
        ).fetchall()
    return [json.loads(payload) for op, payload in rows if op != "delete"]
