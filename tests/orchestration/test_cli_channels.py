"""`siyu doctor` and `siyu callbacks` as commands: exit codes, and refusals that say what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.orchestration.test_cli import siyu


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_doctor__passes_a_home_without_apps_and_fails_one_that_is_half_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = siyu("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "off  WeCom (企业微信): not configured -> set SIYU_WECOM_CORP_ID, SIYU_WECOM_SECRET" in done.stdout
    monkeypatch.setenv("SIYU_WECOM_CORP_ID", "ww1")
    done = siyu("doctor")
    assert done.returncode == 1
    assert "BAD  WeCom (企业微信): SIYU_WECOM_SECRET missing" in done.stdout


def test_doctor__asks_the_sandbox_where_the_home_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIYU_SANDBOX", "true")
    monkeypatch.setenv("SIYU_SANDBOX_BUYERS", "20")
    done = siyu("doctor")
    assert done.returncode == 0, done.stdout
    assert "ok   WeCom (企业微信): token, staff (成员)" in done.stdout
    assert "ok   clock (时钟)" in done.stdout


def test_callbacks__refuses_without_settings_and_a_port_that_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = siyu("callbacks")
    assert done.returncode == 2
    assert "SIYU_WECOM_CALLBACK_TOKEN" in done.stderr
    monkeypatch.setenv("SIYU_WECOM_CORP_ID", "ww1")
    monkeypatch.setenv("SIYU_WECOM_CALLBACK_TOKEN", "planted-token")
    monkeypatch.setenv("SIYU_WECOM_CALLBACK_AES_KEY", "A" * 43)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = siyu("callbacks", "--port", str(server.getsockname()[1]))
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert "/callbacks/wecom -> wecom/events" in done.stdout
    assert "planted-token" not in done.stdout + done.stderr
