"""The one way to the WeChat-family APIs: token, retries, pace, and no secret in any log or exception."""

from __future__ import annotations

import logging
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import stamina
from pydantic import SecretStr

from common.clock import utc_now
from common.redact import RedactingFilter
from ingestion.api_errors import (
    BusyError,
    NotReadyError,
    RateLimitedError,
    TokenStaleError,
    TooConcurrentError,
    TransportError,
    error_for,
)
from ingestion.pace import CALLS_PER_HOUR, CALLS_PER_MINUTE, IN_FLIGHT, InFlight, Pace, pace_of
from ingestion.refusals import Refusal
from ingestion.tokens import TokenCache, stable_token, wecom_token

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# The advice is at most three retries; 45009 may use them up on a minute's block twice and an hour's.
_ATTEMPTS = 4
# Early deaths of a token in one call that are put up with: another program that fetches tokens of the same app
# kills ours, and several of our calls may be hit by one death after the other.
_TOKENS_A_CALL = 5
# A block lasts as long as the window that was overrun: a minute, then an hour.
MINUTE_BLOCK_SECONDS = 61.0
_MINUTE_BLOCKS = 2
# A server that asks for more has a fault that waiting inside a run does not mend.
_LONGEST_RETRY_AFTER_SECONDS = 120.0
# On api.weixin.qq.com 40001 also means a stale token; on WeCom a wrong secret, which is never retried.
WECHAT_STALE_CODES = frozenset({40001})
_MOST_URLS = 256
_NONE_STALE: frozenset[int] = frozenset()


class Transport:
    """Calls one app's APIs. Thread-safe. Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        account: str,
        *,
        calls_per_minute: int = CALLS_PER_MINUTE,
        calls_per_hour: int = CALLS_PER_HOUR,
        quota_wait_minutes: int = 0,
        limits_dir: Path | None = None,
        in_flight: int = IN_FLIGHT,
        attempts: int = _ATTEMPTS,
        stale_codes: frozenset[int] = frozenset(),
        http_transport: httpx.BaseTransport | None = None,
        on_response: Callable[[httpx.Response], None] | None = None,
    ) -> None:
        _quieten()
        self.tokens: TokenCache | None = None
        self.in_flight = InFlight(in_flight)
        self.calls: Counter[str] = Counter()  # calls made, by API
        self._counting = threading.Lock()
        self.limits_dir, self.quota_wait_minutes = limits_dir, quota_wait_minutes
        self._account, self._stale_codes = account, stale_codes
        self._attempts = attempts
        self._urls: dict[tuple[str, str], httpx.URL] = {}
        self._limits = calls_per_minute, calls_per_hour
        hooks = {"response": [on_response]} if on_response else {}
        self._client = httpx.Client(
            base_url=base_url,
            timeout=_TIMEOUT,
            transport=http_transport,
            event_hooks=hooks,
            verify=_certificates(),
        )

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        """GET with the token. See ``post`` for what is raised."""
        return self._with_token("GET", path, None, query)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST a JSON body with the token and return the answer.

        Raises:
            ApiError: the server's errcode, as one of its subclasses, after the retries that make sense.
            TransportError: no readable answer after the retries.
        """
        return self._with_token("POST", path, body)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        stale_codes: frozenset[int] = _NONE_STALE,
    ) -> dict[str, Any]:
        """One call without a token, with pace and retries."""
        patience = _Patience(self.pace(path), self.quota_wait_minutes)
        for attempt in stamina.retry_context(
            on=patience.before_retry, attempts=self._attempts, timeout=None, wait_initial=0.5, wait_max=20.0
        ):
            with attempt:
                return self._once(method, path, params, body, stale_codes)
        raise AssertionError("stamina ends with an answer or an exception")

    def pace(self, path: str) -> Pace:
        """Return the pace of one API."""
        return pace_of(self.limits_dir, self._account, path, *self._limits)

    def _url(self, path: str, params: dict[str, str]) -> httpx.URL:
        """Return the whole URL. httpx takes a third of a call's CPU for putting it together, so it is kept."""
        key = (path, params.get("access_token", "")) if params.keys() <= {"access_token"} else None
        found = self._urls.get(key) if key else None
        if found is None:
            found = self._client.build_request("GET", path, params=params or None).url
            if key:
                if len(self._urls) >= _MOST_URLS:
                    self._urls.clear()
                self._urls[key] = found
        return found

    def _with_token(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        if self.tokens is None:
            raise TransportError(f"{path}: expected a token source; use wecom_transport", retry=False)
        token, stale = self.tokens.get(), self._stale_codes
        for _ in range(_TOKENS_A_CALL - 1):
            params = {**(query or {}), "access_token": token}
            try:
                return self.call(method, path, params=params, body=body, stale_codes=stale)
            except TokenStaleError:
                token = self.tokens.replace(token)
        params = {**(query or {}), "access_token": token}
        return self.call(method, path, params=params, body=body, stale_codes=stale)

    def _once(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
        stale_codes: frozenset[int],
    ) -> dict[str, Any]:
        self.pace(path).wait()
        with self._counting:
            self.calls[path] += 1
        problem = None
        with self.in_flight.slot() as limit:
            try:
                response = self._client.request(method, self._url(path, params or {}), json=body)
            except httpx.HTTPError as error:
                # Only the type: the exception itself holds the request, and with it the URL and the token.
                problem = type(error).__name__
        if problem is not None:
            raise TransportError(f"{path}: no answer ({problem}); check the network and the base URL")
        try:
            return _answer(path, response, stale_codes)
        except TooConcurrentError:
            self.in_flight.halve(limit)
            raise


class _Patience:
    """Decides for one call whether to try again, and when."""

    def __init__(self, pace: Pace, quota_wait_minutes: int) -> None:
        self._pace = pace
        self._blocks = [MINUTE_BLOCK_SECONDS] * _MINUTE_BLOCKS
        if quota_wait_minutes:
            self._blocks.append(quota_wait_minutes * 60.0 + 1.0)

    def before_retry(self, error: Exception) -> bool | float:
        """Return whether to retry: True after the usual pause, a number after so many seconds."""
        if isinstance(error, RateLimitedError):
            if not self._blocks:
                return False
            # The pace makes everybody wait who calls this API, in all processes: asking while blocked prolongs it.
            self._pace.block(self._blocks.pop(0))
            return 0.0
        if isinstance(error, NotReadyError):
            return MINUTE_BLOCK_SECONDS
        if isinstance(error, TransportError) and error.wait_seconds is not None:
            self._pace.block(error.wait_seconds)
            return 0.0
        if isinstance(error, TransportError):
            return error.retry
        return isinstance(error, BusyError | TooConcurrentError)


def _answer(path: str, response: httpx.Response, stale_codes: frozenset[int]) -> dict[str, Any]:
    if response.status_code != httpx.codes.OK:
        raise _status_error(path, response)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TransportError(
            f"{path}: expected a JSON object, got {len(response.content)} bytes of another kind"
        )
    code = int(answer.get("errcode") or 0)
    if code:
        raise error_for(path, code, str(answer.get("errmsg", "")), stale_codes=stale_codes)
    return answer


def _status_error(path: str, response: httpx.Response) -> TransportError:
    status, asked = response.status_code, _retry_after(response.headers.get("Retry-After", ""))
    passing = status == httpx.codes.TOO_MANY_REQUESTS or status >= 500
    wait = asked if passing and asked is not None and asked <= _LONGEST_RETRY_AFTER_SECONDS else None
    message = f"{path}: expected HTTP status 200, got {status}"
    if asked is not None and wait is None:
        message += f" and to wait {asked:.0f} s; run again then"
    return TransportError(message, retry=passing and asked is None, wait_seconds=wait)


def _retry_after(text: str) -> float | None:
    """Return the seconds that the header asks for: it holds them, or the instant to wait for."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - utc_now()).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


@cache
def _certificates() -> ssl.SSLContext:
    """Loaded once a process: it takes 30 ms, and a run opens a client for each stream."""
    return httpx.create_ssl_context()


def part_of(answer: dict[str, Any], name: str, path: str) -> Any:
    """Return one part of an answer.

    Raises:
        TransportError: the answer has no such part.
    """
    if name not in answer:
        raise TransportError(f"{path}: expected {name!r} in the answer, got {', '.join(sorted(answer))}")
    return answer[name]


def wecom_transport(base_url: str, corp_id: str, secret: SecretStr, **options: Any) -> Transport:
    """Return the transport of one WeCom app; ``options`` as of Transport."""
    transport = Transport(base_url, corp_id, **options)
    refusal = Refusal(transport.limits_dir, base_url, corp_id, secret)
    transport.tokens = wecom_token(transport.call, corp_id, secret, refusal)
    return transport


def wechat_transport(base_url: str, app_id: str, secret: SecretStr, **options: Any) -> Transport:
    """Return the transport of one api.weixin.qq.com app (shop, finder); ``options`` as of Transport."""
    transport = Transport(base_url, app_id, stale_codes=WECHAT_STALE_CODES, **options)
    refusal = Refusal(transport.limits_dir, base_url, app_id, secret)
    transport.tokens = stable_token(transport.call, app_id, secret, refusal)
    return transport


def _quieten() -> None:
    """httpx logs every URL at INFO, token included."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(each, RedactingFilter) for each in logger.filters):
            logger.addFilter(RedactingFilter())
