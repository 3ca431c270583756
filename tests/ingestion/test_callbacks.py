"""The receiver, its spool, and the way into the lake: nothing lost, nothing doubled, whatever happens between."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from common.lake import Arrival, Lake
from common.settings import PROJECT_ROOT, Settings
from common.streams import STREAMS
from ingestion.callbacks import spool as spool_module
from ingestion.callbacks.app import MOST_BYTES, create_app, event_id_of
from ingestion.callbacks.arrive import arrive, forget
from ingestion.callbacks.endpoints import CallbackSetupError, configured
from ingestion.callbacks.spool import Spool, finished_files, lines_of, spool_dir
from sandbox.calendar import YEAR_END, YEAR_START
from sandbox.callback_events import events_of
from sandbox.callback_sender import CallbackSender, as_xml, deliveries, send_all
from sandbox.credentials import (
    SANDBOX_CALLBACK_AES_KEY,
    SANDBOX_CALLBACK_TOKEN,
    SANDBOX_CORP_ID,
    SANDBOX_SHOP_APP_ID,
    as_environment,
)
from sandbox.world import WorldOptions, build_world

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

WECOM, SHOP = STREAMS["wecom/events"], STREAMS["video_account/events"]
MESSAGE = as_xml({"Event": "change_external_contact", "ChangeType": "del_follow_user", "CreateTime": "1"})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=tmp_path / "home",
        wecom_corp_id=SANDBOX_CORP_ID,
        wecom_callback_token=SecretStr(SANDBOX_CALLBACK_TOKEN),
        wecom_callback_aes_key=SecretStr(SANDBOX_CALLBACK_AES_KEY),
        shop_app_id=SANDBOX_SHOP_APP_ID,
        shop_callback_token=SecretStr(SANDBOX_CALLBACK_TOKEN),
        shop_callback_aes_key=SecretStr(SANDBOX_CALLBACK_AES_KEY),
    )


Start = Callable[[], CallbackSender]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """start() -> a sender to a new receiver; leaving the sender's block stops the receiver."""
    with ExitStack() as stack:

        def begin() -> CallbackSender:
            client = TestClient(create_app(settings, configured(settings)))
            stack.enter_context(client)
            return CallbackSender("", client=client)

        yield begin


def receive(settings: Settings, *messages: tuple[str, bytes]) -> list[int]:
    """Let a receiver get the messages, and stop it."""
    with TestClient(create_app(settings, configured(settings))) as client:
        sender = CallbackSender("", client=client)
        return [sender.post(app, message).status_code for app, message in messages]


def landed(settings: Settings, stream: Any = WECOM) -> list[Arrival]:
    """Arrive, admit, forget, as the daily job does; return the arrivals."""
    lake = Lake(settings.lake_dir)
    lake.ensure()
    arrivals = arrive(settings, lake, stream)
    for arrival in reversed(arrivals):
        forget(settings, lake.admit(arrival))
    return arrivals


def lake_payloads(settings: Settings, stream: Any = WECOM) -> list[dict[str, Any]]:
    import duckdb

    rows = duckdb.sql(
        f"select payload from read_parquet('{Lake(settings.lake_dir).glob(stream)}', hive_partitioning = true, "
        "hive_types = {'load_id': varchar}) order by load_id, record_key"
    ).fetchall()
    return [json.loads(row[0]) for row in rows]


def test_the_console_check_is_answered_with_the_plain_echo(start: Start) -> None:
    sender = start()
    answer = sender.verify("wecom", "1616140317555161061")
    assert (answer.status_code, answer.text) == (200, "1616140317555161061")
    query = sender.signed("")
    assert sender._client.get("/callbacks/wecom", params={**query, "echostr": "x"}).status_code == 403


def test_the_plain_check_of_the_other_host_is_answered_too(start: Start) -> None:
    sender = start()
    # Signed over token, timestamp and nonce only; an empty part adds nothing to the text that is hashed.
    query = sender.signed("")
    asked = {"signature": query["msg_signature"], **query, "echostr": "4242"}
    del asked["msg_signature"]
    assert sender._client.get("/callbacks/shop", params=asked).text == "4242"
    assert sender._client.get("/callbacks/shop", params={**asked, "nonce": "1"}).status_code == 403


def test_events_of_both_apps_land_as_they_were_sent(settings: Settings) -> None:
    shop = b'{"Event":"channels_ec_order_pay","CreateTime":1,"order_info":{"order_id":3724561098761234433}}'
    assert receive(settings, ("wecom", MESSAGE.encode()), ("shop", shop)) == [200, 200]
    (arrival,) = landed(settings)
    assert (arrival.report.rows, arrival.report.quarantined, arrival.report.details["doubles"]) == (1, 0, 0)
    (payload,) = lake_payloads(settings)
    assert payload["event_id"] == event_id_of(MESSAGE.encode())
    assert payload["raw"] == MESSAGE
    assert payload["message"]["ChangeType"] == "del_follow_user"
    assert payload["received_at"].endswith("+00:00")
    landed(settings, SHOP)
    (payload,) = lake_payloads(settings, SHOP)
    assert payload["raw"] == shop.decode()
    assert payload["message"]["order_info"]["order_id"] == "3724561098761234433"
    assert finished_files(spool_dir(settings, "wecom")) == []


def test_forged_and_broken_callbacks_are_refused_and_leave_nothing(settings: Settings, start: Start) -> None:
    sender = start()
    encrypted = sender.encrypted(MESSAGE.encode(), "wecom")
    good = as_xml({"Encrypt": encrypted}).encode()
    query = sender.signed(encrypted)
    foreign = CallbackSender("", client=sender._client, receive_ids={"wecom": "ww_other", "shop": "wx"})
    wrong_key = CallbackSender("", client=sender._client, aes_key="A" * 43)
    wrong_token = CallbackSender("", client=sender._client, token="guessed")
    post = sender._client.post
    codes = [
        post("/callbacks/wecom", params={**query, "nonce": "1"}, content=good).status_code,
        post("/callbacks/wecom", params={}, content=good).status_code,
        post("/callbacks/wecom", params=query, content=b"").status_code,
        post("/callbacks/wecom", params=query, content=b"<xml>").status_code,
        post("/callbacks/wecom", params=query, content=MESSAGE.encode()).status_code,
        foreign.post("wecom", MESSAGE.encode()).status_code,
        wrong_key.post("wecom", MESSAGE.encode()).status_code,
        wrong_token.post("wecom", MESSAGE.encode()).status_code,
        # The shop's envelope under WeCom's path: signed with the same token, meant for another id.
        post(
            "/callbacks/wecom",
            params=sender.signed(shop := sender.encrypted(b"{}", "shop")),
            content=json.dumps({"Encrypt": shop}).encode(),
        ).status_code,
    ]
    assert codes == [403] * len(codes)
    assert post("/callbacks/nobody", content=good).status_code == 404
    assert list(spool_dir(settings, "wecom").iterdir()) == []


def test_what_is_refused_is_told_in_the_log_and_not_to_the_sender(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    sender = start()
    answer = CallbackSender("", client=sender._client, token="guessed").post("wecom", MESSAGE.encode())
    assert answer.text == "refused"
    assert "the signature is wrong" in caplog.text
    assert SANDBOX_CALLBACK_TOKEN not in caplog.text


def test_an_oversize_body_is_cut_off(settings: Settings, start: Start) -> None:
    sender = start()

    def endless() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 1024 + 2):
            yield b"x" * 1024

    assert sender._client.post("/callbacks/wecom", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert sender._client.post("/callbacks/wecom", content=endless()).status_code == 413
    assert list(spool_dir(settings, "wecom").iterdir()) == []


def test_a_replay_is_answered_and_kept_once(settings: Settings) -> None:
    with TestClient(create_app(settings, configured(settings))) as client:
        sender = CallbackSender("", client=client)
        encrypted = sender.encrypted(MESSAGE.encode(), "wecom")
        query, body = sender.signed(encrypted), as_xml({"Encrypt": encrypted}).encode()
        answers = [client.post("/callbacks/wecom", params=query, content=body) for _ in range(3)]
        answers.append(sender.post("wecom", MESSAGE.encode()))  # sent again, encrypted anew
    assert {(each.status_code, each.text) for each in answers} == {(200, "success")}
    (file,) = finished_files(spool_dir(settings, "wecom"))
    assert len(list(lines_of(file))) == 1
    # A receiver that was started anew remembers nothing; the lake does.
    receive(settings, ("wecom", MESSAGE.encode()))
    assert landed(settings)[0].report.details["doubles"] == 1
    receive(settings, ("wecom", MESSAGE.encode()))
    landed(settings)
    assert len(lake_payloads(settings)) == 1
    assert finished_files(spool_dir(settings, "wecom")) == []


def test_a_year_with_doubles_in_disorder_lands_the_same_events(settings: Settings) -> None:
    events = events_of(
        build_world(WorldOptions(seed=7, buyers=250, extra_people=50, shop_orders=100)), YEAR_START, YEAR_END
    )
    wecom = [event for event in events if event.app == "wecom"]
    changes = {(e.message["Event"], e.message.get("ChangeType")) for e in wecom}
    assert {change for event, change in changes if event == "change_external_contact"} == {
        "add_external_contact", "add_half_external_contact", "edit_external_contact", "del_external_contact",
        "del_follow_user", "transfer_fail",
    }  # fmt: skip
    assert {("change_external_chat", "create"), ("change_external_chat", "update")} <= changes
    assert ("change_external_tag", "create") in changes
    coming = deliveries(events, doubles=0.2, disorder=0.3, seed=1)
    assert len(coming) > len(events)
    assert [e.number for e in coming] != sorted(e.number for e in coming)
    for half in (coming[: len(coming) // 2], coming[len(coming) // 2 :]):
        with TestClient(create_app(settings, configured(settings))) as client:
            outcomes = send_all(CallbackSender("", client=client), half)
        assert outcomes.keys() == {"200"}
        landed(settings)
        landed(settings, SHOP)
    kept = [payload["message"] for payload in lake_payloads(settings)]
    assert len(kept) == len({json.dumps(e.message, sort_keys=True) for e in wecom})
    expected = sorted(json.dumps(e.message, sort_keys=True) for e in wecom)
    assert sorted({*expected}) == sorted(json.dumps(each, sort_keys=True) for each in kept)
    shop = [payload["message"]["Event"] for payload in lake_payloads(settings, SHOP)]
    assert len(shop) == len(events) - len(wecom)


def test_unreadable_events_go_to_quarantine_once(settings: Settings) -> None:
    assert receive(settings, ("wecom", b"\xff not text"), ("wecom", MESSAGE.encode())) == [200, 200]
    (file,) = finished_files(spool_dir(settings, "wecom"))
    content = file.read_bytes()
    arrival, quarantine = landed(settings)
    assert (arrival.report.rows, arrival.report.quarantined) == (2, 1)
    assert quarantine.report.rows == 1
    # The run was killed after both were admitted and before the file was deleted.
    file.write_bytes(content)
    assert landed(settings) == []
    assert not file.exists()
    # Killed between quarantine and the events: the file comes again, the quarantined row does not.
    receive(settings, ("wecom", b"\xfe"), ("wecom", b"{}"))
    lake = Lake(settings.lake_dir)
    first, second = arrive(settings, lake, WECOM)
    lake.admit(second)
    lake.discard(first)
    landed(settings)
    assert sum(load.rows for load in lake.loads(STREAMS["quarantine/rows"])) == 2
    assert len(lake_payloads(settings)) == 2


def test_a_held_arrival_comes_again_with_what_came_later(settings: Settings) -> None:
    receive(settings, ("wecom", MESSAGE.encode()))
    lake = Lake(settings.lake_dir)
    lake.ensure()
    (arrival,) = arrive(settings, lake, WECOM)
    forget(settings, lake.hold(arrival, "odd"))
    receive(settings, ("wecom", b"{}"))
    (arrival,) = arrive(settings, lake, WECOM)
    assert arrival.report.rows == 2
    forget(settings, lake.hold(arrival, "odd"))
    (held,) = lake.held(WECOM)
    lake.release(held)
    assert len(lake_payloads(settings)) == 2
    assert arrive(settings, lake, WECOM) == []
    assert finished_files(spool_dir(settings, "wecom")) == []


def test_a_full_disk_is_no_success_and_later_events_are_kept(
    settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, real = start(), os.fsync

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert sender.post("wecom", b'{"n": 1}').text == "success"
    monkeypatch.setattr(spool_module.os, "fsync", full)
    assert sender.post("wecom", b'{"n": 2}').status_code == 503
    monkeypatch.setattr(spool_module.os, "fsync", real)
    assert sender.post("wecom", b'{"n": 2}').text == "success"
    sender._client.__exit__()
    landed(settings)
    assert sorted(payload["message"]["n"] for payload in lake_payloads(settings)) == [1, 2]


def test_the_file_of_a_living_receiver_is_left_alone_and_a_dead_ones_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"one").result(5)
    assert finished_files(tmp_path) == []
    (living,) = tmp_path.glob("*.open")
    dead = tmp_path / "dead.open"
    dead.write_bytes(b"two\ntorn")
    (found,) = finished_files(tmp_path)
    assert list(lines_of(found)) == [b"two"]
    with living.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    spool.close()
    assert [list(lines_of(path)) for path in finished_files(tmp_path)] == [[b"one"], [b"two"]]


def test_a_file_is_finished_after_its_time_without_another_event(tmp_path: Path) -> None:
    spool = Spool(tmp_path, rotate_seconds=0.05)
    spool.append(b"one").result(5)
    deadline = time.monotonic() + 5
    while not finished_files(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [list(lines_of(path)) for path in finished_files(tmp_path)] == [[b"one"]]
    spool.append(b"two").result(5)
    spool.close()
    assert len(finished_files(tmp_path)) == 2


def test_many_at_once_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = [], os.fsync

    def slow(descriptor: int) -> None:
        synced.append(descriptor)
        time.sleep(0.02)
        real(descriptor)

    spool = Spool(tmp_path)
    spool.append(b"first").result(5)
    monkeypatch.setattr(spool_module.os, "fsync", slow)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: spool.append(b"%d" % n).result(5), range(64)))
    assert len(synced) < 32
    spool.close()
    (path,) = finished_files(tmp_path)
    assert sorted(lines_of(path)) == sorted([b"first", *(b"%d" % n for n in range(64))])


def test_garbage_of_a_power_cut_is_counted_and_passed_over(settings: Settings) -> None:
    receive(settings, ("wecom", MESSAGE.encode()))
    (file,) = finished_files(spool_dir(settings, "wecom"))
    file.write_bytes(file.read_bytes() + b'\0\0\0\n{"event_id": 1}\n{"event_id": "half')
    (arrival,) = landed(settings)
    assert (arrival.report.rows, arrival.report.details["torn"]) == (1, 2)


def test_settings_that_are_not_whole_are_refused_by_name(settings: Settings) -> None:
    settings.wecom_callback_aes_key = None
    with pytest.raises(CallbackSetupError, match="SIYU_WECOM_CALLBACK_AES_KEY"):
        configured(settings)
    settings.wecom_callback_aes_key = SecretStr("planted-short-key")
    with pytest.raises(CallbackSetupError, match="43 letters") as caught:
        configured(settings)
    assert "planted-short-key" not in str(caught.value)
    bare = Settings(_env_file=None, home=settings.home)
    with pytest.raises(CallbackSetupError, match="no callbacks are configured"):
        configured(bare)


def test_killed_hard_under_fire_every_answered_event_lands_once(settings: Settings, tmp_path: Path) -> None:
    """`siyu callbacks` itself, killed with SIGKILL several times while events come in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIYU_")},
        **as_environment("http://127.0.0.1:1"),
        "SIYU_HOME": str(settings.home),
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    command = [
        sys.executable,
        "-c",
        "from orchestration.cli import app; app()",
        "callbacks",
        "--port",
        str(port),
    ]
    answered: set[int] = set()
    number = 0
    for round_no in range(3):
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as child:
            sender = CallbackSender(f"http://127.0.0.1:{port}")
            _wait_until_up(port)
            deadline = time.monotonic() + 0.3 + 0.2 * round_no
            killer = ThreadPoolExecutor(1)
            killer.submit(_kill_at, child.pid, deadline)
            try:
                while True:
                    number += 1
                    if sender.post("wecom", json.dumps({"n": number}).encode()).status_code == 200:
                        answered.add(number)
            except httpx.TransportError:
                pass
            killer.shutdown()
        if round_no == 1:
            landed(settings)
    landed(settings)
    kept = [payload["message"]["n"] for payload in lake_payloads(settings)]
    assert len(answered) > 20
    assert len(kept) == len(set(kept))
    assert answered <= set(kept) <= set(range(number + 1))


def _kill_at(pid: int, deadline: float) -> None:
    time.sleep(deadline - time.monotonic())
    os.kill(pid, signal.SIGKILL)


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the receiver did not come up")
