"""`siyu doctor`: one line per app and store that says what is wrong and what to do, after few calls."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from common.clock import utc_now
from common.settings import Settings
from ingestion.callbacks.spool import spool_dir
from ingestion.doctor import Finding, _database, examine
from tests.ingestion.conftest import SECRET

OK = {"errcode": 0, "errmsg": "ok"}
IP_REFUSED = "not allow to access from your ip, hint: [1736-ab], from ip: 203.0.113.9"


class Hosts:
    """Both hosts in one: answers by the path's last parts; counts the calls."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, Counter[str]()
        self.clock: Callable[[], dt.datetime] = utc_now

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        self.calls[request.url.path] += 1
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        token = {"access_token": "t", "expires_in": 7200} if name in ("gettoken", "stable_token") else {}
        staff = {"follow_user": ["liwei", "zhouyan"]} if name == "get_follow_user_list" else {}
        headers = {"Date": email.utils.format_datetime(self.clock(), usegmt=True)}
        return httpx.Response(200, json=answer or {**OK, **token, **staff}, headers=headers)


def error(code: int, message: str = "no") -> dict[str, Any]:
    return {"errcode": code, "errmsg": message}


def found(settings: Settings, hosts: Hosts) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings, http_transport=httpx.MockTransport(hosts))}


WECOM, SHOP, FINDER = "WeCom (企业微信)", "shop (微信小店)", "livestreams (视频号助手)"


def test_all_is_well_after_one_token_and_one_call_per_api(settings: Settings) -> None:
    hosts = Hosts()
    lines = found(settings, hosts)
    assert {name: line.status for name, line in lines.items() if line.status != "off"} == {
        "home (数据目录)": "ok",
        "phone key (手机号密钥)": "ok",
        WECOM: "ok",
        SHOP: "ok",
        FINDER: "ok",
        "clock (时钟)": "ok",
    }
    assert lines[WECOM].detail.startswith("token, staff (成员), contacts (客户)")
    assert hosts.calls.pop("/cgi-bin/stable_token") == 2  # two apps
    assert set(hosts.calls.values()) == {1}


def test_a_corp_without_customers_is_no_fault(settings: Settings) -> None:
    hosts = Hosts(get_follow_user_list=error(84061))
    lines = found(settings, hosts)
    # Nobody's contacts can be asked for.
    assert lines[WECOM].status == "ok"
    assert "contacts" not in lines[WECOM].detail


@pytest.mark.parametrize(
    ("answers", "name", "said", "advice"),
    [
        ({"gettoken": error(40001)}, WECOM, "no token: errcode 40001", "SIYU_WECOM_SECRET"),
        ({"gettoken": error(40013)}, WECOM, "errcode 40013", "check SIYU_WECOM_CORP_ID"),
        ({"stable_token": error(40001)}, SHOP, "errcode 40001", "SIYU_SHOP_SECRET"),
        ({"stable_token": error(40125)}, FINDER, "errcode 40125", "SIYU_FINDER_SECRET"),
        (
            {"stable_token": error(40164, "invalid ip 203.0.113.9, not in whitelist rid: 1")},
            SHOP, "errcode 40164", "add 203.0.113.9 to the IP白名单",
        ),
        ({"get_follow_user_list": error(60020, IP_REFUSED)}, WECOM, "60020", "add 203.0.113.9 to the 企业可信IP"),
        ({"get": error(61004)}, SHOP, "orders (订单): errcode 61004", "add the IP of this machine to the IP白名单"),
        ({"get_corp_tag_list": error(48002)}, WECOM, "tags (企业标签): errcode 48002", "可调用接口的应用"),
        ({"getlivelist": error(48001)}, FINDER, "errcode 48001", "接口权限"),
        ({"list": error(60011)}, WECOM, "groups (客户群): errcode 60011", "可见范围"),
        ({"list": error(45009)}, WECOM, "errcode 45009", "quota is used up"),
        ({"gettoken": httpx.ConnectError("x")}, WECOM, "no answer (ConnectError)", "https://wecom.invalid"),
        ({"gettoken": httpx.Response(502)}, WECOM, "got 502", "SIYU_WECOM_BASE_URL"),
        ({"gettoken": httpx.Response(200, text="<html>")}, WECOM, "expected a JSON object", "proxy"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_with_what_to_do(
    settings: Settings, answers: dict[str, Any], name: str, said: str, advice: str
) -> None:
    hosts = Hosts(**answers)
    lines = found(settings, hosts)
    assert lines[name].status == "bad"
    assert said in lines[name].detail
    assert advice in lines[name].advice
    assert max(hosts.calls.values()) <= 2
    assert SECRET not in str(lines)


def test_one_missing_privilege_does_not_hide_what_works_and_what_else_does_not(settings: Settings) -> None:
    lines = found(settings, Hosts(get_corp_tag_list=error(48002), list=error(60020, IP_REFUSED)))
    line = lines[WECOM]
    assert line.detail == (
        "tags (企业标签): errcode 48002 (no); groups (客户群): errcode 60020 (not allow to access from your ip)"
    )
    assert ("可调用接口的应用" in line.advice, "203.0.113.9" in line.advice) == (True, True)


def test_a_refused_secret_is_not_tried_again_by_the_next_doctor(settings: Settings) -> None:
    hosts = Hosts(gettoken=error(40001))
    found(settings, hosts)
    lines = found(settings, hosts)
    assert hosts.calls["/cgi-bin/gettoken"] == 1
    assert "not asked again for 15 min" in lines[WECOM].detail
    settings.wecom_secret = SecretStr("the right one")
    hosts.answers.clear()
    assert found(settings, hosts)[WECOM].status == "ok"


def test_half_of_an_apps_settings_is_a_fault_and_none_is_not(settings: Settings) -> None:
    settings.wecom_secret = None
    settings.shop_app_id = settings.shop_secret = None
    hosts = Hosts()
    lines = found(settings, hosts)
    assert (lines[WECOM].status, lines[WECOM].detail) == ("bad", "SIYU_WECOM_SECRET missing")
    assert lines[SHOP].status == "off"
    assert "/cgi-bin/gettoken" not in hosts.calls


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (50, "ok"), (-70, "bad"), (400, "bad")])
def test_a_clock_that_is_off_is_noticed(settings: Settings, seconds: int, status: str) -> None:
    hosts = Hosts()
    hosts.clock = lambda: utc_now() - dt.timedelta(seconds=seconds)
    line = found(settings, hosts)["clock (时钟)"]
    assert line.status == status
    if status == "bad":
        assert ("ahead of" if seconds > 0 else "behind") in line.detail
        assert "NTP" in line.advice


def test_callbacks_half_set_malformed_and_waiting_too_long(settings: Settings) -> None:
    name = "企业微信 callbacks (回调)"
    settings.wecom_callback_token = SecretStr("t")
    line = found(settings, Hosts())[name]
    assert (line.status, "SIYU_WECOM_CALLBACK_AES_KEY" in line.detail) == ("bad", True)
    settings.wecom_callback_aes_key = SecretStr("planted-too-short")
    line = found(settings, Hosts())[name]
    assert (line.status, "43 letters" in line.detail) == ("bad", True)
    assert "planted" not in str(line)
    settings.wecom_callback_aes_key = SecretStr("A" * 43)
    assert found(settings, Hosts())[name].status == "ok"
    folder = spool_dir(settings, "wecom")
    folder.mkdir(parents=True)
    (folder / "1.jsonl").touch()
    assert "1 files wait" in found(settings, Hosts())[name].detail
    old = (utc_now() - dt.timedelta(days=3)).timestamp()
    os.utime(folder / "1.jsonl", (old, old))
    line = found(settings, Hosts())[name]
    assert (line.status, line.advice) == ("bad", "run `siyu run`")


def test_a_home_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.home = tmp_path / "file" / "home"
    lines = found(settings, Hosts())
    line = lines["home (数据目录)"]
    assert (line.status, "SIYU_HOME" in line.advice) == ("bad", True)
    assert lines[WECOM].status == "ok"


def test_a_key_that_is_short_or_lost_is_named(settings: Settings) -> None:
    name = "phone key (手机号密钥)"
    settings.lake_dir.mkdir(parents=True)
    line = found(settings, Hosts())[name]
    assert (line.status, "put the old key back" in line.advice) == ("bad", True)
    settings.pii_key = SecretStr("planted-short")
    line = found(settings, Hosts())[name]
    assert (line.status, "13 bytes" in line.detail) == ("bad", True)
    assert "planted" not in str(line)
    settings.pii_key = SecretStr("k" * 32)
    assert found(settings, Hosts())[name].status == "ok"


def test_a_database_is_reached_or_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert _database("SIYU_X", f"postgresql://u:planted@127.0.0.1:{port}/shop").status == "ok"
    closed = _database("SIYU_X", f"mysql+pymysql://u:planted@127.0.0.1:{port}/shop")
    assert (closed.status, "does not answer" in closed.detail) == ("bad", True)
    for url in ("planted", "postgresql:///shop", "postgresql://h:port/x"):
        line = _database("SIYU_X", url)
        assert line.status == "bad"
        assert "planted" not in str(line)
    assert "planted" not in str(closed)


def test_the_probes_fit_the_sandbox(settings: Settings, tmp_path: Path) -> None:
    """Every probe is answered by the sandbox as the contract says, with its own credentials."""
    from sandbox.credentials import as_environment
    from sandbox.runner import running
    from sandbox.world import WorldOptions

    with running(WorldOptions(seed=7, buyers=40, extra_people=10), tmp_path / "state") as base_url:
        hosts = {
            name.removeprefix("SIYU_").lower(): value for name, value in as_environment(base_url).items()
        }
        lines = list(examine(Settings(_env_file=None, home=tmp_path / "home", **hosts)))
        calls = httpx.get(f"{base_url}/sandbox/calls", trust_env=False).json()
    assert [line for line in lines if line.status == "bad"] == []
    details = {line.name: line.detail for line in lines}
    assert details[WECOM] == "token, staff (成员), contacts (客户), tags (企业标签), groups (客户群)"
    assert details[SHOP] == "token, orders (订单), after-sales (售后)"
    assert calls.pop("/cgi-bin/stable_token") == 4  # shop, finder, official account, mini-program
    assert set(calls.values()) == {1}, json.dumps(calls)
