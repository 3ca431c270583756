"""What the group robot is told, and what it is never told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import stamina
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from activation.robot import MOST_BYTES, Robot, RobotError
from common.settings import Settings
from common.warehouse import WarehouseBusyError
from orchestration import headless
from orchestration.alerts import ALERTED_TAG, Trouble, alert
from orchestration.automation import failed_runs
from orchestration.home import open_instance
from sandbox.answers import ApiError, refusal
from sandbox.credentials import SANDBOX_ROBOT_KEY
from sandbox.robot_api import RobotApi

PHONE, SECRET = "13912345678", "planted-robot-secret"


@contextmanager
def served() -> Iterator[str]:
    async def refuse(request: Any, error: Exception) -> Any:
        assert isinstance(error, ApiError)
        return refusal(error, request.url.path)

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=RobotApi().routes(), exception_handlers={ApiError: refuse})
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def host() -> Iterator[str]:
    with served() as base_url, stamina.set_testing(True, attempts=3):
        yield base_url


@pytest.fixture
def settings(host: str, tmp_path: Path) -> Settings:
    address = f"{host}/cgi-bin/webhook/send?key={SANDBOX_ROBOT_KEY}"
    return Settings(
        _env_file=None,
        home=tmp_path / "home",
        alert_webhook=SecretStr(address),
        wecom_secret=SecretStr(SECRET),
    )


def told(host: str) -> list[str]:
    return [each["content"] for each in httpx.get(f"{host}/sandbox/robot").json()["told"]]


def test_alert__tells_what_failed_what_is_held_and_where_to_look(host: str, settings: Settings) -> None:
    trouble = Trouble("daily", "abcdef0123456", "2026-11-20", ["ingest__wecom"], ["high_value_silent"])
    assert alert(settings, trouble) is None
    [text] = told(host)
    for part in (
        "Run failed",
        "2026-11-20",
        "`abcdef01`",
        "`ingest__wecom`",
        "`high_value_silent`",
        "siyu status",
    ):
        assert part in text


def test_alert__without_a_robot_tells_nobody(tmp_path: Path) -> None:
    assert alert(Settings(_env_file=None, home=tmp_path), Trouble("daily", "x")) is None


def test_robot__blacks_out_secrets_and_cuts_what_is_too_long(host: str, settings: Settings) -> None:
    robot = Robot(settings)
    robot.tell(f"{SECRET} {SANDBOX_ROBOT_KEY} access_token=abc123&x")
    robot.tell("人" * 3000)
    first, second = told(host)
    assert first == "*** *** access_token=***&x"
    assert second.endswith("…")
    assert MOST_BYTES - 4 < len(second.encode()) <= MOST_BYTES


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("{host}/cgi-bin/webhook/send?key=wrong-planted-key", "93000: invalid webhook url"),
        ("http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=wrong-planted-key", "expected https"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send", "expected https"),
        ("http://127.0.0.1:9/cgi-bin/webhook/send?key=wrong-planted-key", "not reached"),
        ("{host}/sandbox/nothing?key=wrong-planted-key", "without an errcode"),
    ],
)
def test_alert__that_fails_says_so_without_the_key(
    host: str, settings: Settings, address: str, expected: str
) -> None:
    settings.alert_webhook = SecretStr(address.format(host=host))
    unheard = alert(settings, Trouble("daily", "x"))
    assert unheard is not None
    assert expected in unheard
    assert "planted" not in unheard


def test_robot__that_was_told_too_much_says_so(host: str, settings: Settings) -> None:
    address = f"{host}/cgi-bin/webhook/send?key={SANDBOX_ROBOT_KEY}"
    for _ in range(20):
        assert httpx.post(address, json={"msgtype": "text", "text": {"content": "x"}}).json()["errcode"] == 0
    with pytest.raises(RobotError, match="45009"):
        Robot(settings).tell("one more")
    assert len(told(host)) == 20


def failed(instance: dg.DagsterInstance, **tags: str) -> dg.ExecuteInProcessResult:
    @dg.op
    def load_orders() -> None:
        try:
            raise KeyError(PHONE)
        except KeyError as error:
            raise ValueError(f"buyer {PHONE} with {SECRET}") from error

    @dg.job(name="daily_like")
    def job() -> None:
        load_orders()

    return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)


def sense(settings: Settings, instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> None:
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    failed_runs(settings)(context)


def test_failed_runs__tells_the_step_and_the_kind_of_error_and_nothing_of_its_text(
    host: str, settings: Settings
) -> None:
    with open_instance(settings) as instance:
        sense(settings, instance, failed(instance))
    [text] = told(host)
    assert "`load_orders: " in text
    assert "daily_like" in text
    assert PHONE not in text
    assert SECRET not in text


def test_failed_runs__leaves_out_what_siyu_run_told_already(host: str, settings: Settings) -> None:
    with open_instance(settings) as instance:
        sense(settings, instance, failed(instance, **{ALERTED_TAG: "true"}))
    assert told(host) == []


def test_run_daily__tells_of_a_run_that_failed_and_marks_it(
    host: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def run(settings: Settings, instance: dg.DagsterInstance, *_: object) -> headless.RunOutcome:
        runs.append(failed(instance).run_id)
        return headless.RunOutcome(runs[-1], False, ["load_orders"], settings.home, ["loyal"])

    monkeypatch.setattr(headless, "_run", run)
    said: list[str] = []
    headless.run_daily(settings, line=said.append)
    [text] = told(host)
    assert "`load_orders`" in text
    assert "`loyal`" in text
    with open_instance(settings) as instance:
        assert ALERTED_TAG in instance.get_run_by_id(runs[0]).tags
    settings.alert_webhook = SecretStr(f"{host}/cgi-bin/webhook/send?key=another")
    headless.run_daily(settings, line=said.append)
    assert "nobody could be told" in said[-1]


def test_run_daily__tells_of_a_run_that_never_began(
    host: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WarehouseBusyError(f"text with {PHONE}")

    monkeypatch.setattr(headless, "_run", refuse)
    with pytest.raises(WarehouseBusyError):
        headless.run_daily(settings, line=lambda _: None)
    [text] = told(host)
    assert "WarehouseBusyError" in text
    assert PHONE not in text
