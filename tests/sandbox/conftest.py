"""A small sandbox world, its application in this process, and clients that hold a token."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.credentials import (
    SANDBOX_CORP_ID,
    SANDBOX_CORP_SECRET,
    SANDBOX_FINDER_APP_ID,
    SANDBOX_FINDER_SECRET,
    SANDBOX_SHOP_APP_ID,
    SANDBOX_SHOP_SECRET,
)
from sandbox.server import create_app
from sandbox.world import World, WorldOptions, build_world

with warnings.catch_warnings():
    # Starlette would rather have httpx2; this project's HTTP client is httpx.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

Call = Callable[..., dict[str, Any]]
Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(WorldOptions(seed=7, buyers=400, extra_people=150, shop_orders=700))


@pytest.fixture
def serve(world: World, tmp_path: Path) -> Iterator[Serve]:
    """serve(name of the state folder, **options of create_app) -> client of a new sandbox application."""
    with ExitStack() as stack:

        def start(folder: str, **options: Any) -> TestClient:
            app = create_app(world, state_dir=tmp_path / folder, **options)
            stack.callback(app.state.desk.state.close)
            return stack.enter_context(TestClient(app))

        yield start


@pytest.fixture
def http(serve: Serve) -> TestClient:
    return serve("state")


@pytest.fixture
def calls_with() -> Callable[[TestClient, str], Call]:
    """calls_with(client, token) -> call(method, path, query or body) -> parsed answer."""

    def caller(http: TestClient, token: str) -> Call:
        def call(method: str, path: str, **fields: Any) -> dict[str, Any]:
            query = {"access_token": token}
            if method == "GET":
                response = http.get(path, params={**query, **fields})
            else:
                response = http.post(path, params=query, json=fields)
            assert response.status_code == 200
            return response.json()

        return call

    return caller


@pytest.fixture
def wecom_of(calls_with: Callable[[TestClient, str], Call]) -> Callable[[TestClient], Call]:
    """wecom_of(client) -> calls with a fresh WeCom token."""

    def of(http: TestClient) -> Call:
        query = {"corpid": SANDBOX_CORP_ID, "corpsecret": SANDBOX_CORP_SECRET}
        return calls_with(http, http.get("/cgi-bin/gettoken", params=query).json()["access_token"])

    return of


def _stable_token(http: TestClient, app_id: str, secret: str) -> str:
    body = {"grant_type": "client_credential", "appid": app_id, "secret": secret}
    return http.post("/cgi-bin/stable_token", json=body).json()["access_token"]


@pytest.fixture
def shop_token(http: TestClient) -> str:
    return _stable_token(http, SANDBOX_SHOP_APP_ID, SANDBOX_SHOP_SECRET)


@pytest.fixture
def wecom(http: TestClient, wecom_of: Callable[[TestClient], Call]) -> Call:
    return wecom_of(http)


@pytest.fixture
def shop(http: TestClient, shop_token: str, calls_with: Callable[[TestClient, str], Call]) -> Call:
    return calls_with(http, shop_token)


@pytest.fixture
def finder(http: TestClient, calls_with: Callable[[TestClient, str], Call]) -> Call:
    return calls_with(http, _stable_token(http, SANDBOX_FINDER_APP_ID, SANDBOX_FINDER_SECRET))
