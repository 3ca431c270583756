from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections import Counter

import httpx
import pytest
from pydantic import SecretStr

from ingestion import api_errors as errors
from ingestion.http import InFlight, wechat_transport, wecom_transport
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

    def wechat(self):
        return wechat_transport(
            "https://api.invalid",
            "wx1",
            SecretStr(SECRET),
            calls_per_minute=1_000_000,
            http_transport=httpx.MockTransport(self),
        )


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


@pytest.mark.parametrize(("code", "kind"), [(-1, errors.BusyError), (45009, errors.RateLimitedError)])
def test_passing_trouble_is_retried_and_lasting_trouble_raised(code, kind):
    api = FakeApi(thing=failing(code, times=2), other=failing(code, times=99))
    with api.wecom() as transport:
        assert transport.get("/x/thing")["n"] == 3
        with pytest.raises(kind):
            transport.get("/x/other")
    assert api.calls["other"] == 4


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
        # A bucket of 600 is drained by 600 calls; the next ten come at ten a second.
        for _ in range(610):
            transport.get("/paced/thing")
    assert time.monotonic() - began > 0.5


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
