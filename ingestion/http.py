"""The one way to the WeChat-family APIs: token, retries, pace, and no secret in any log or exception."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpx
import stamina
from pydantic import SecretStr
from pyrate_limiter import Duration, Limiter, Rate, SingleBucketFactory, StateBucket, TokenBucket

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
from ingestion.tokens import TokenCache, stable_token, wecom_token

CALLS_PER_MINUTE = 2000
IN_FLIGHT = 4
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS = 4
# Early deaths of a token in one call that are put up with: another program that fetches tokens of the same app
# kills ours, and several of our calls may be hit by one death after the other.
_TOKENS_A_CALL = 5
# The block lasts as long as the window that was overrun, at the least a minute.
_BLOCK_SECONDS = 61.0
# On api.weixin.qq.com 40001 also means a stale token; on WeCom a wrong secret, which is never retried.
WECHAT_STALE_CODES = frozenset({40001})


class InFlight:
    """Lets at most ``limit`` calls run at once; ``halve`` lowers the limit for good."""

    def __init__(self, limit: int) -> None:
        self._limit, self._running = limit, 0
        self._change = threading.Condition()

    @property
    def limit(self) -> int:
        """How many calls may run at once now."""
        return self._limit

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots."""
        with self._change:
            self._change.wait_for(lambda: self._running < self._limit)
            self._running += 1
        try:
            yield
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def halve(self) -> None:
        """Lower the limit to half, never below one."""
        with self._change:
            self._limit = max(1, self._limit // 2)


class Transport:
    """Calls one app's APIs. Thread-safe. Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        account: str,
        *,
        calls_per_minute: int = CALLS_PER_MINUTE,
        in_flight: int = IN_FLIGHT,
        stale_codes: frozenset[int] = frozenset(),
        http_transport: httpx.BaseTransport | None = None,
    ) -> None:
        _quieten()
        self.tokens: TokenCache | None = None
        self.in_flight = InFlight(in_flight)
        self.calls: Counter[str] = Counter()  # calls made, by API
        self._counting = threading.Lock()
        self._account, self._per_minute, self._stale_codes = account, calls_per_minute, stale_codes
        self._client = httpx.Client(base_url=base_url, timeout=_TIMEOUT, transport=http_transport)

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
    ) -> dict[str, Any]:
        """One call without a token, with pace and retries."""
        for attempt in stamina.retry_context(
            on=self._wait_before_retry, attempts=_ATTEMPTS, timeout=600.0, wait_initial=0.5, wait_max=20.0
        ):
            with attempt:
                return self._once(method, path, params, body)
        raise AssertionError("stamina ends with an answer or an exception")

    def _with_token(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        if self.tokens is None:
            raise TransportError(f"{path}: expected a token source; use wecom_transport", retry=False)
        token = self.tokens.get()
        for _ in range(_TOKENS_A_CALL - 1):
            try:
                return self.call(method, path, params={**(query or {}), "access_token": token}, body=body)
            except TokenStaleError:
                token = self.tokens.replace(token)
        return self.call(method, path, params={**(query or {}), "access_token": token}, body=body)

    def _once(
        self, method: str, path: str, params: dict[str, str] | None, body: dict[str, Any] | None
    ) -> dict[str, Any]:
        _limiter(self._account, path, self._per_minute).try_acquire(path)
        with self._counting:
            self.calls[path] += 1
        problem = None
        with self.in_flight.slot():
            try:
                response = self._client.request(method, path, params=params, json=body)
            except httpx.HTTPError as error:
                # Only the type: the exception itself holds the request, and with it the URL and the token.
                problem = type(error).__name__
        if problem is not None:
            raise TransportError(f"{path}: no answer ({problem}); check the network and the base URL")
        return self._answer(path, response)

    def _answer(self, path: str, response: httpx.Response) -> dict[str, Any]:
        if response.status_code != httpx.codes.OK:
            status = response.status_code
            raise TransportError(f"{path}: expected HTTP status 200, got {status}", retry=status >= 429)
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
            raise error_for(path, code, str(answer.get("errmsg", "")), stale_codes=self._stale_codes)
        return answer

    def _wait_before_retry(self, error: Exception) -> bool | float:
        if isinstance(error, TooConcurrentError):
            self.in_flight.halve()
            return True
        if isinstance(error, RateLimitedError | NotReadyError):
            return _BLOCK_SECONDS
        return isinstance(error, BusyError) or (isinstance(error, TransportError) and error.retry)


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
    transport.tokens = wecom_token(transport.call, corp_id, secret)
    return transport


def wechat_transport(base_url: str, app_id: str, secret: SecretStr, **options: Any) -> Transport:
    """Return the transport of one api.weixin.qq.com app (shop, finder); ``options`` as of Transport."""
    transport = Transport(base_url, app_id, stale_codes=WECHAT_STALE_CODES, **options)
    transport.tokens = stable_token(transport.call, app_id, secret)
    return transport


@lru_cache(maxsize=1024)
def _limiter(account: str, api: str, per_minute: int) -> Limiter:
    """Return the token bucket of one (account, API), shared by all transports of this process."""
    bucket = StateBucket([Rate(per_minute, Duration.MINUTE)], TokenBucket())
    return Limiter(SingleBucketFactory(bucket, schedule_leak=False), buffer_ms=1)


def _quieten() -> None:
    """httpx logs every URL at INFO, token included."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(each, RedactingFilter) for each in logger.filters):
            logger.addFilter(RedactingFilter())
