"""Planted secrets, every one there is a setting for, and every kind of failure: they show up nowhere.

The servers here repeat what they were sent in their error texts, as careless servers do.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import socket
import threading
import traceback
import typing
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dagster as dg
import pytest
import stamina
from pydantic import SecretStr
from rich.console import Console

import ingestion.http
from activation.contracts import ActivationError
from activation.policy import load_policy
from activation.wecom_client import WecomClient
from common.lake import Lake
from common.redact import keep_secret, redact
from common.settings import Settings, load_settings
from common.streams import CHANNELS, streams_of
from ingestion.apps import APPS
from ingestion.doctor import examine
from orchestration.assets.ingest import ingest_assets
from orchestration.home import release
from orchestration.landing import land

DAY = dt.date(2026, 11, 19)
PARTITIONS = dg.DailyPartitionsDefinition(start_date="2026-11-01")
TOKEN = "PlantedAccessToken9e77"


def secret_fields() -> list[str]:
    """The settings that are secrets; new ones come along by themselves."""
    return [
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is SecretStr or SecretStr in typing.get_args(field.annotation)
    ]


def planted(name: str) -> str:
    """A value that fits the setting: 43 letters and digits are an EncodingAESKey and long enough for any key."""
    return ("Planted" + "".join(part.title() for part in name.split("_")) + "0" * 43)[:43]


def value_of(name: str) -> str:
    return f"postgresql://u:{planted(name)}@127.0.0.1:9/x" if name.endswith("_url") else planted(name)


class Echoing(BaseHTTPRequestHandler):
    """Answers in the server's mood, with everything it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def _answer(self, body: str) -> None:
        server = typing.cast(Any, self.server)
        sent = f"{self.path} {unquote(self.path)} {body}"
        server.seen.append(sent)
        mood = server.mood
        if self.path.partition("?")[0].endswith("token") and mood != "no token":
            self._send(200, json.dumps({"errcode": 0, "access_token": TOKEN, "expires_in": 7200}))
        elif mood in ("http 500", "http 404"):
            self._send(int(mood[-3:]), f"<html>{sent}</html>")
        elif mood == "html":
            self._send(200, f"<html>{sent}</html>")
        elif mood == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif mood == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + sent.encode())
            self.close_connection = True
        else:
            code = {"no token": 40001, "stale": 42001, "parameter": 40058, "strange": 987654}[mood]
            message = f"refused: {sent}, hint: [{sent}], from ip: 203.0.113.9, more info at https://x/?{sent}"
            self._send(200, json.dumps({"errcode": code, "errmsg": message}))

    def _send(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Echoing)
    server.daemon_threads = True
    server.mood, server.seen = "", []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(server: Any, tmp_path: Path) -> Settings:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    fields: dict[str, Any] = {name: value_of(name) for name in secret_fields()}
    fields |= {name: url for name in Settings.model_fields if name.endswith("_base_url")}
    fields |= {app.account: f"id_{app.name}" for app in APPS}
    return Settings(
        _env_file=None,
        home=tmp_path / "home",
        first_day=dt.date(2026, 11, 1),
        api_calls_per_minute=10**6,
        **fields,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ingestion.http, "MINUTE_BLOCK_SECONDS", 0.0)
    with stamina.set_testing(True, attempts=2):
        yield


MOODS = ("no token", "stale", "parameter", "strange", "http 500", "http 404", "html", "cut", "half")


def shown(text: str) -> list[str]:
    """The secrets that stand in a text, by the name of their setting."""
    found = [name for name in secret_fields() if planted(name) in text]
    return found + (["access token"] if TOKEN in text else [])


def files_text(home: Path) -> str:
    paths = [path for path in home.rglob("*") if path.is_file()]
    return "\n".join(f"{path}\n{path.read_bytes().decode(errors='replace')}" for path in paths)


def exceptions_text(act: Callable[[], Any]) -> str:
    """Everything that an exception and what led to it say, fields included."""
    try:
        act()
    except Exception as error:
        chain: BaseException | None = error
        texts = []
        while chain is not None:
            texts += [str(chain), repr(chain), repr(vars(chain)), *traceback.format_exception(chain)]
            chain = chain.__cause__ or chain.__context__
        return "\n".join(texts)
    raise AssertionError("expected a failure")


def test_there_are_secrets_to_look_for() -> None:
    assert {"wecom_secret", "shop_secret", "finder_secret", "pii_key", "wecom_callback_aes_key"} <= set(
        secret_fields()
    )


@pytest.mark.parametrize("mood", MOODS)
def test_no_failure_of_an_app_shows_a_secret(
    mood: str,
    settings: Settings,
    server: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.mood = mood
    texts = []
    with caplog.at_level(logging.DEBUG):
        for app in APPS:
            with app.transport(settings) as transport:
                texts.append(exceptions_text(lambda each=transport: each.post("/cgi-bin/x", {"a": 1})))
        for channel in CHANNELS:
            for result in land(settings, Lake(settings.lake_dir), streams_of(channel), DAY):
                texts += [repr(result), str(result.error)]
        findings = list(examine(settings))
        Console().print(*findings)
        texts.append(repr(findings))
    captured = capfd.readouterr()
    everything = "\n".join([*texts, caplog.text, captured.out, captured.err, files_text(settings.home)])
    assert shown(everything) == []
    # The search finds what is there: each app's secret did travel, and came back in the answers.
    travelled = "\n".join(server.seen)
    assert {app.secret for app in APPS if app.name in ("wecom", "shop", "finder")} <= set(shown(travelled))
    assert "errcode" in everything or "TransportError" in everything


@pytest.mark.parametrize("mood", ["no token", "parameter", "cut"])
def test_no_event_of_dagster_shows_a_secret(mood: str, settings: Settings, server: Any, capfd: Any) -> None:
    server.mood = mood
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            run = dg.materialize(
                ingest_assets(settings, PARTITIONS),
                partition_key=DAY.isoformat(),
                instance=instance,
                raise_on_error=False,
            )
            events = "\n".join(entry.to_json() + str(entry) for entry in instance.all_logs(run.run_id))
    finally:
        release(settings)
    captured = capfd.readouterr()
    assert "could not be fetched" in events + captured.err or "not_fetched" in events
    assert shown(events + captured.out + captured.err) == []


@pytest.mark.parametrize("mood", MOODS)
def test_sending_shows_none_either(
    mood: str, settings: Settings, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Activation has a client of its own."""
    server.mood = mood
    client = WecomClient(settings, load_policy().wecom_tags)
    texts = []
    with caplog.at_level(logging.DEBUG):
        for call in (
            lambda: client.get("x", {}),
            lambda: client.post("x", {"a": 1}),
            lambda: client.post("y", {}),
        ):
            with pytest.raises(ActivationError) as caught:
                call()
            texts += [repr(caught.value), repr(vars(caught.value)), *traceback.format_exception(caught.value)]
    client.close()
    assert shown("\n".join(texts) + caplog.text) == []
    assert "wecom_secret" in shown("\n".join(server.seen))


def test_settings_themselves_show_none(settings: Settings) -> None:
    assert shown(repr(settings) + str(settings) + str(settings.model_dump())) == []


def test_known_values_are_blacked_out_wherever_they_stand() -> None:
    keep_secret("postgresql://u:PlantedPassword@h/x")
    keep_secret("planted/with+signs")
    keep_secret("abc")
    assert redact("login of PlantedPassword failed") == "login of *** failed"
    assert redact("GET /?k=planted%2Fwith%2Bsigns planted/with+signs") == "GET /?k=*** ***"
    assert redact("abc is a word") == "abc is a word"


def test_secrets_are_read_from_a_folder_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker and Kubernetes mount them; the environment and .env come first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "SIYU_WECOM_SECRET").write_text("from a file\n")
    (folder / "siyu_shop_secret").write_text("of another")
    (folder / "SIYU_FINDER_SECRET").write_text("not this one")
    monkeypatch.setenv("SIYU_FINDER_SECRET", "from the environment")
    monkeypatch.setenv("SIYU_SECRETS_DIR", str(folder))
    settings = load_settings()
    values = [settings.wecom_secret, settings.shop_secret, settings.finder_secret]
    assert [each and each.get_secret_value() for each in values] == [
        "from a file", "of another", "from the environment",
    ]  # fmt: skip
    (tmp_path / ".env").write_text("SIYU_SHOP_SECRET=from .env\n")
    shop = load_settings().shop_secret
    assert shop is not None
    assert shop.get_secret_value() == "from .env"
    monkeypatch.setenv("SIYU_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="SIYU_SECRETS_DIR: expected a folder"):
        load_settings()
