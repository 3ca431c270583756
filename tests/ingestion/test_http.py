from __future__ import annotations

import datetime as dt
import email.utils
import json
import logging
import threading
import time
import traceback
from collections import Counter

import httpx
import pytest
from pydantic import SecretStr

import ingestion.http
from common.clock import utc_now
from ingestion import api_errors as errors
from ingestion import refusals
from ingestion.http import wechat_transport, wecom_transport
from ingestion.pace import InFlight, Pace
from ingestion.paging import PagingError, each_in_parallel, pages_by_cursor, pages_by_next_key
from tests.ingestion.conftest import SECRET, TOKEN

pytestmark = pytest.mark.usefixtures("no_waiting")
OK = {"errcode": 0, "errmsg": "ok"}


class FakeApi:
    """Answers token calls itself and everything else by ``answers[path](request body, call number)``."""

    def __init__(self, **answers):
        self.calls = Counter()
        self.tokens_given = []
        self.tokens_seen = []
        self.answers = answers
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        with self.lock:
            self.calls[name] += 1
            number = self.calls[name]
            if name in ("gettoken", "stable_token") and name not in self.answers:
                self.tokens_given.append(f"{TOKEN}-{number}")
                return httpx.Response(
                    200, json={**OK, "access_token": self.tokens_given[-1], "expires_in": 7200}
                )
            self.tokens_seen.append(request.url.params.get("access_token"))
        body = json.loads(request.content) if request.content else {}
        answer = self.answers[name](body, number)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def wecom(self, **options):
        options = {"calls_per_minute": 1_000_000, "http_transport": httpx.MockTransport(self), **options}
        return wecom_transport("https://api.invalid", "ww1", SecretStr(SECRET), **options)

    def wechat(self, **options):
        options = {"calls_per_minute": 1_000_000, "http_transport": httpx.MockTransport(self), **options}
        return wechat_transport("https://api.invalid", "wx1", SecretStr(SECRET), **options)


def failing(code, *, times):
    return lambda _body, number: {"errcode": code, "errmsg": "no"} if number <= times else {**OK, "n": number}


def test_one_token_serves_many_threads_and_calls():
    api = FakeApi(thing=lambda _body, _n: OK)
    with api.wecom() as transport:
        list(each_in_parallel(lambda n: transport.post("/x/thing", {"n": n}), range(50), workers=8))
    assert api.calls == {"gettoken": 1, "thing": 50}
    assert set(api.tokens_seen) == {f"{TOKEN}-1"}


@pytest.mark.parametrize("code", [40014, 42001, 41001])
def test_a_stale_token_is_replaced_once(code):
    api = FakeApi(thing=failing(code, times=1))
    with api.wecom() as transport:
        assert transport.get("/x/thing")["n"] == 2
    assert api.tokens_seen == [f"{TOKEN}-1", f"{TOKEN}-2"]


def test_a_token_that_stays_stale_is_an_error_in_the_end():
    api = FakeApi(thing=failing(42001, times=99))
    with api.wecom() as transport, pytest.raises(errors.TokenStaleError):
        transport.get("/x/thing")
    assert api.calls == {"gettoken": 5, "thing": 5}


def test_many_threads_with_a_stale_token_fetch_one_new_one():
    barrier = threading.Barrier(4)

    def thing(_body, number):
        if number <= 4:
            barrier.wait(5)
            return {"errcode": 42001, "errmsg": "expired"}
        return OK

    api = FakeApi(thing=thing)
    with api.wecom() as transport:
        list(each_in_parallel(lambda n: transport.post("/x/thing", {"n": n}), range(4)))
    assert api.calls == {"gettoken": 2, "thing": 8}


def test_a_wrong_wecom_secret_is_asked_with_once():
    api = FakeApi(gettoken=failing(40001, times=99), thing=lambda _b, _n: OK)
    with api.wecom() as transport, pytest.raises(errors.CredentialError, match="check the corp or app id"):
        transport.get("/x/thing")
    assert api.calls == {"gettoken": 1}


def test_many_threads_ask_with_a_wrong_secret_once():
    api = FakeApi(gettoken=failing(40001, times=99), thing=lambda _b, _n: OK)

    def refused(_n):
        with pytest.raises(errors.CredentialError):
            transport.get("/x/thing")

    with api.wecom() as transport:
        list(each_in_parallel(refused, range(20), workers=8))
    assert api.calls == {"gettoken": 1}


@pytest.mark.parametrize("code", [40001, 40013, 40125])
def test_a_wrong_secret_of_the_other_host_is_no_stale_token(code):
    api = FakeApi(stable_token=failing(code, times=99), thing=lambda _b, _n: OK)
    with api.wechat() as transport, pytest.raises(errors.CredentialError, match="not retried"):
        transport.post("/x/thing", {})
    assert api.calls == {"stable_token": 1}


def test_a_refused_secret_is_not_asked_with_again_until_it_or_the_hour_changes(tmp_path, monkeypatch):
    api = FakeApi(gettoken=failing(40001, times=2), thing=lambda _b, _n: OK)

    def refused(match, **options):
        wanted = pytest.raises(errors.CredentialError, match=match)
        with api.wecom(limits_dir=tmp_path, **options) as transport, wanted:
            transport.get("/x/thing")

    refused("errcode 40001")
    refused("not asked again for 15 min")
    refused("not asked again for 15 min")
    assert api.calls["gettoken"] == 1
    with wecom_transport(
        "https://api.invalid", "ww1", SecretStr("another"), limits_dir=tmp_path,
        http_transport=httpx.MockTransport(api),
    ) as other, pytest.raises(errors.CredentialError, match="errcode 40001"):  # fmt: skip
        other.get("/x/thing")
    assert api.calls["gettoken"] == 2
    now = utc_now()
    monkeypatch.setattr(refusals, "utc_now", lambda: now + dt.timedelta(minutes=16))
    api.answers.pop("gettoken")
    with api.wecom(limits_dir=tmp_path) as transport:
        assert transport.get("/x/thing") == OK
    assert SECRET not in "".join(path.name + path.read_text(errors="replace") for path in tmp_path.iterdir())


def test_40001_means_a_stale_token_on_the_other_host_and_a_same_token_is_forced_away():
    given = []

    def stable_token(body, _number):
        given.append(body["force_refresh"])
        return {**OK, "access_token": "forced" if body["force_refresh"] else "same", "expires_in": 7200}

    api = FakeApi(stable_token=stable_token, thing=failing(40001, times=1))
    with api.wechat() as transport:
        assert transport.post("/x/thing", {})["n"] == 2
    assert given == [False, False, True]
    assert [token for token in api.tokens_seen if token] == ["same", "forced"]


@pytest.mark.parametrize(
    ("code", "kind", "calls"),
    [(-1, errors.BusyError, 4), (45009, errors.RateLimitedError, 3), (45033, errors.TooConcurrentError, 4)],
)
def test_passing_trouble_is_retried_and_lasting_trouble_raised(code, kind, calls):
    api = FakeApi(thing=failing(code, times=2), other=failing(code, times=99))
    with api.wecom() as transport:
        assert transport.get("/x/thing")["n"] == 3
        with pytest.raises(kind):
            transport.get("/x/other")
    assert api.calls["other"] == calls


def test_an_hours_quota_is_waited_for_once_and_only_if_asked(monkeypatch):
    blocked = []
    monkeypatch.setattr(Pace, "block", lambda _self, seconds: blocked.append(seconds))
    monkeypatch.setattr(ingestion.http, "MINUTE_BLOCK_SECONDS", 61.0)
    api = FakeApi(thing=failing(45009, times=99), day=failing(45011, times=3))
    with (
        api.wecom() as transport,
        pytest.raises(errors.RateLimitedError, match="SIYU_API_QUOTA_WAIT_MINUTES=60"),
    ):
        transport.get("/x/thing")
    assert blocked == [61.0, 61.0]
    blocked.clear()
    with api.wecom(quota_wait_minutes=60) as transport:
        with pytest.raises(errors.RateLimitedError):
            transport.get("/x/thing")
        assert blocked == [61.0, 61.0, 3601.0]
        assert transport.get("/x/day")["n"] == 4


def test_retry_after_is_kept_to_and_a_long_one_ends_the_call(monkeypatch):
    blocked = []
    monkeypatch.setattr(Pace, "block", lambda _self, seconds: blocked.append(seconds))
    in_a_minute = email.utils.format_datetime(utc_now() + dt.timedelta(seconds=60), usegmt=True)

    def busy(status, retry_after):
        headers = {"Retry-After": retry_after}
        return lambda _b, n: httpx.Response(status, headers=headers) if n < 2 else OK

    api = FakeApi(
        seconds=busy(429, "7"), date=busy(503, in_a_minute), long=busy(503, "3600"), odd=busy(502, "soon"),
        no=busy(404, "7"),
    )  # fmt: skip
    with api.wecom() as transport:
        for name in ("seconds", "date", "odd"):
            assert transport.get(f"/x/{name}") == OK
        assert blocked == [7.0, pytest.approx(60, abs=3)]
        with pytest.raises(errors.TransportError, match="got 503 and to wait 3600 s"):
            transport.get("/x/long")
        with pytest.raises(errors.TransportError, match="got 404"):
            transport.get("/x/no")
    assert (api.calls["long"], api.calls["no"]) == (1, 1)


def test_calls_refused_together_halve_the_concurrency_once():
    barrier = threading.Barrier(4)

    def thing(_body, number):
        if number <= 4:
            barrier.wait(5)
            return {"errcode": 45033, "errmsg": "concurrent"}
        return OK

    api = FakeApi(thing=thing)
    with api.wecom() as transport:
        list(each_in_parallel(lambda n: transport.post("/x/thing", {"n": n}), range(4)))
        assert transport.in_flight.limit == 2
        transport.in_flight.halve(2)
        transport.in_flight.halve(1)
        assert transport.in_flight.limit == 1


def test_too_many_in_flight_halves_the_concurrency():
    api = FakeApi(thing=failing(45033, times=1))
    with api.wecom() as transport:
        transport.get("/x/thing")
        assert transport.in_flight.limit == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (60020, errors.ScopeError),
        (84061, errors.NoRelationError),
        (40058, errors.ParameterError),
        (81017, errors.TooLargeError),
        (123456, errors.ApiError),
    ],
)
def test_other_errcodes_are_raised_at_once(code, kind):
    api = FakeApi(thing=failing(code, times=99))
    with api.wecom() as transport, pytest.raises(kind) as caught:
        transport.get("/x/thing")
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert api.calls["thing"] == 1


def test_http_errors_are_retried_only_where_it_helps():
    api = FakeApi(
        gone=lambda _b, _n: httpx.Response(404),
        down=lambda _b, n: httpx.Response(502) if n < 3 else OK,
        html=lambda _b, _n: httpx.Response(200, text="<html>"),
    )
    with api.wecom() as transport:
        with pytest.raises(errors.TransportError, match="expected HTTP status 200, got 404"):
            transport.get("/x/gone")
        assert transport.get("/x/down") == OK
        with pytest.raises(errors.TransportError, match="expected a JSON object"):
            transport.get("/x/html")
    assert (api.calls["gone"], api.calls["down"]) == (1, 3)


def test_trace_ids_and_addresses_are_cut_from_messages():
    error = errors.error_for(
        "/x", 60020, "not allow to access from your ip, hint: [1736-ab], from ip: 10.0.0.1"
    )
    assert error.message == "not allow to access from your ip"


def test_no_secret_in_any_log_or_exception(caplog):
    def thing(_body, number):
        if number == 1:
            return httpx.Response(500)
        if number < 4:
            raise httpx.ConnectError(
                "no route", request=httpx.Request("GET", f"https://x/?access_token={TOKEN}")
            )
        return {"errcode": 40058, "errmsg": f"invalid corpsecret={SECRET} access_token={TOKEN}"}

    api = FakeApi(thing=thing, dead=lambda _b, _n: (_ for _ in ()).throw(httpx.ReadTimeout(f"at {TOKEN}")))
    texts = []
    with caplog.at_level(logging.DEBUG), api.wecom() as transport:
        logging.getLogger("httpx").warning("GET https://x/gettoken?corpid=ww1&corpsecret=%s", SECRET)
        for path in ("/x/thing", "/x/dead"):
            with pytest.raises((errors.ApiError, errors.TransportError)) as caught:
                transport.get(path)
            chain = caught.value
            while chain is not None:
                texts += [str(chain), repr(vars(chain)), "".join(traceback.format_exception(chain))]
                chain = chain.__context__
    assert api.calls["thing"] == 4
    seen = "\n".join(texts) + caplog.text
    assert "no answer (ReadTimeout)" in seen
    assert "corpsecret=***" in caplog.text
    assert SECRET not in seen
    assert TOKEN not in seen


def test_the_pace_is_kept():
    api = FakeApi(thing=lambda _b, _n: OK)
    began = time.monotonic()
    with api.wecom(calls_per_minute=600) as transport:
        transport.tokens.get()
        # A tenth of 600 may come at once; the next ten come at nine a second.
        for _ in range(70):
            transport.get("/paced/thing")
    assert time.monotonic() - began > 0.9


def test_urls_are_kept_only_where_they_come_again():
    asked = []

    def thing(_body, _n):
        return OK

    api = FakeApi(thing=thing)
    keep = api.__call__

    def watch(request):
        asked.append(str(request.url))
        return keep(request)

    with api.wecom(http_transport=httpx.MockTransport(watch)) as transport:
        for person in ("wm 1&x=2", "wm二", None, None):
            transport.get("/x/thing", {"external_userid": person} if person else None)
        transport.tokens.replace(f"{TOKEN}-1")
        transport.get("/x/thing")
        assert len(transport._urls) <= 3
    assert asked[1:] == [
        "https://api.invalid/cgi-bin/gettoken?corpid=ww1&corpsecret=" + SECRET
        if each == "token"
        else f"https://api.invalid/x/thing?{each}"
        for each in (
            f"external_userid=wm+1%26x%3D2&access_token={TOKEN}-1",
            f"external_userid=wm%E4%BA%8C&access_token={TOKEN}-1",
            f"access_token={TOKEN}-1",
            f"access_token={TOKEN}-1",
            "token",
            f"access_token={TOKEN}-2",
        )
    ]


def test_calls_in_flight_stay_below_the_limit():
    running, most, lock = 0, 0, threading.Lock()
    gate = InFlight(3)

    def call(_n):
        nonlocal running, most
        with gate.slot():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1

    list(each_in_parallel(call, range(24), workers=8))
    assert most == 3


def test_a_cursor_ends_only_when_empty_and_never_turns_in_a_circle():
    pages = {"": (["a"], "c1"), "c1": ([], "c2"), "c2": (["b"], "")}
    api = FakeApi(
        things=lambda body, _n: {
            **OK,
            "items": pages[body["cursor"]][0],
            "next_cursor": pages[body["cursor"]][1],
        },
        circle=lambda _b, _n: {**OK, "items": ["a"], "next_cursor": "same"},
    )
    with api.wecom() as transport:
        assert list(pages_by_cursor(transport, "/x/things", {}, "items")) == [["a"], [], ["b"]]
        with pytest.raises(PagingError, match="expected a new page position"):
            list(pages_by_cursor(transport, "/x/circle", {}, "items"))


def test_next_key_pages_until_there_is_no_more():
    api = FakeApi(
        things=lambda body, _n: {
            **OK,
            "ids": [body["next_key"]],
            "has_more": body["next_key"] != "k",
            "next_key": "k",
        },
        lost=lambda _b, _n: {**OK, "ids": [1], "has_more": True, "next_key": ""},
    )
    with api.wechat() as transport:
        assert list(pages_by_next_key(transport, "/x/things", {}, "ids")) == [[""], ["k"]]
        with pytest.raises(PagingError, match="got none"):
            list(pages_by_next_key(transport, "/x/lost", {}, "ids"))


def test_a_page_that_leads_back_once_is_asked_for_again_and_brings_no_row_twice():
    def things(body, number):
        pages = {"": (["a"], "c1"), "c1": (["b"], "c2"), "c2": (["c"], "")}
        items, following = pages[body["cursor"]]
        return {**OK, "items": items, "next_cursor": "c1" if number == 2 else following}

    api = FakeApi(things=things)
    with api.wecom() as transport:
        assert list(pages_by_cursor(transport, "/x/things", {}, "items")) == [["a"], ["b"], ["c"]]
    assert api.calls["things"] == 4
