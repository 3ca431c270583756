"""A small WeCom (企业微信) client for the few calls that activation makes.

It owns the token, the pace and the retries, and tells three things apart that matter for receipts: the
platform refused (``WecomRefusedError``), nothing can have happened (``NotSentError``), and nobody knows
(``UnknownOutcomeError``). No error text carries a URL, a token or a secret.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any

import httpx
import stamina
from pyrate_limiter import Limiter, Rate

from activation.contracts import MEMBER_GONE, RELATION_ENDED, ActivationError, DestinationStoppedError
from activation.policy import WecomTagsPolicy
from common.redact import keep_secret, redact
from common.settings import Settings

TOKEN_STALE = {40014, 42001, 41001}
RATE_LIMITED = {45009, 45011, 45033}
BUSY = -1
BAD_TAG = 40068
_CLASSES = {
    "credential": {40001, 40013, 40091},
    "scope": {48002, 60011, 60020, 60030, 84074, 81013},
    RELATION_ENDED: {84061, 84084, 40096},
    MEMBER_GONE: {60111, 40003, 46004, 41054, 84083},
    "tag_library": {BAD_TAG, 40071, 40126},
    "retry_later": {BUSY, *RATE_LIMITED, *TOKEN_STALE},
    "not_ready": {41063, 41079},
    "cancelled": {41093},
}
_CREDENTIALS = "SIYU_WECOM_CORP_ID and SIYU_WECOM_SECRET"
STOPPING_CLASSES = {"credential", "scope"}
# A minute's quota that is overrun blocks for a minute; asking earlier only prolongs it.
_QUOTA_PAUSE = dt.timedelta(seconds=60)
_TOKEN_MARGIN_SECONDS = 300

logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines carry the token in the URL
logging.getLogger("httpcore").setLevel(logging.WARNING)


class WecomRefusedError(ActivationError):
    """The platform answered with an error code: the call had no effect."""

    def __init__(self, path: str, code: int, message: str, credentials: str = _CREDENTIALS) -> None:
        self.code = code
        self.credentials = credentials
        self.code_class = classify(code)
        self.message = redact(message)[:200]
        super().__init__(f"WeCom {path}: errcode {code} ({self.code_class}): {self.message}")


class NotSentError(ActivationError):
    """The platform was not reached: the call had no effect."""


class UnknownOutcomeError(ActivationError):
    """The call may or may not have had its effect."""


def classify(code: int) -> str:
    """Return how an errcode is to be read; codes we do not know need a person."""
    return next((name for name, codes in _CLASSES.items() if code in codes), "needs_person")


def stopped(error: WecomRefusedError) -> DestinationStoppedError:
    """Say what to do about an answer that every further call would get too."""
    advice = {
        "credential": f"check {error.credentials} (wrong ones get this address blocked)",
        "scope": "check the app's visible range, its trusted IPs and its customer-contact permission",
    }[error.code_class]
    return DestinationStoppedError(f"{error}; nothing more was sent; {advice}")


class WecomClient:
    """Thread-safe; one per apply run. Close it when done."""

    token_stale = TOKEN_STALE
    credentials = _CREDENTIALS
    """The settings that hold them, for what a refusal advises."""

    def __init__(self, settings: Settings, policy: WecomTagsPolicy) -> None:
        self._settings = settings
        self._http = httpx.Client(
            base_url=self.host(settings).rstrip("/") + "/cgi-bin/",
            timeout=policy.timeout_seconds,
            limits=httpx.Limits(max_connections=policy.in_flight),
        )
        self._limiters: dict[str, Limiter] = {}
        self._per_minute = policy.calls_per_minute
        self._lock = threading.Lock()
        self._token: str | None = None
        self._token_until = 0.0

    def host(self, settings: Settings) -> str:
        """Return the address of the platform.

        Raises:
            DestinationStoppedError: what is needed to speak with it is not set.
        """
        if not settings.wecom_configured:
            raise DestinationStoppedError(
                "WeCom is not configured: set SIYU_WECOM_CORP_ID and SIYU_WECOM_SECRET"
            )
        return settings.wecom_base_url

    def ask_token(self, settings: Settings) -> dict[str, Any]:
        """Ask for a token with the app's credentials."""
        secret = settings.wecom_secret
        if secret is None or settings.wecom_corp_id is None:
            raise DestinationStoppedError("WeCom is not configured: set SIYU_WECOM_SECRET")
        credentials = {"corpid": settings.wecom_corp_id, "corpsecret": secret.get_secret_value()}
        return self._call("GET", "gettoken", None, params=credentials)

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, body: dict[str, Any], *, safe: bool = False) -> dict[str, Any]:
        """Call a POST API and return its answer. ``safe`` calls only read: an unknown outcome is tried again.

        Raises:
            WecomRefusedError, NotSentError, UnknownOutcomeError: see there; calls that found the platform
                busy or did not get through were tried again before.
        """
        return self._retrying(safe, "POST", path, json=body)

    def post_message(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call a POST API that must take effect once. Raises as ``post``, with two differences.

        "System busy" (-1) does not say whether the work was done: it is an unknown outcome, and not tried again.
        """
        try:
            return self._retrying(False, "POST", path, busy=(45033,), json=body)
        except WecomRefusedError as error:
            if error.code == BUSY:
                raise UnknownOutcomeError(f"WeCom {path}: {error.message} (-1)") from None
            raise

    def get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        """Call a GET API and return its answer. Raises as ``post``."""
        return self._retrying(True, "GET", path, params=params)

    def _retrying(
        self, safe: bool, method: str, path: str, busy: tuple[int, ...] = (BUSY, 45033), **request: Any
    ) -> dict[str, Any]:
        again = (NotSentError, UnknownOutcomeError) if safe else (NotSentError,)

        def wait(error: Exception) -> bool | dt.timedelta:
            if isinstance(error, WecomRefusedError):
                return _QUOTA_PAUSE if error.code in (45009, 45011) else error.code in busy
            return isinstance(error, again)

        for attempt in stamina.retry_context(on=wait, attempts=4, timeout=200, wait_initial=0.3, wait_max=5):
            with attempt:
                return self._with_token(method, path, **request)
        raise AssertionError("stamina leaves its loop only by returning or raising")

    def _with_token(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        token = self._get_token()
        try:
            return self._call(method, path, token, **request)
        except WecomRefusedError as error:
            if error.code not in self.token_stale:
                raise
        return self._call(method, path, self._get_token(stale=token), **request)

    def _get_token(self, *, stale: str | None = None) -> str:
        with self._lock:
            if self._token is None or self._token == stale or time.monotonic() >= self._token_until:
                try:
                    answer = self.ask_token(self._settings)
                except (
                    UnknownOutcomeError
                ) as error:  # asking for a token changes nothing: the call itself never left
                    raise NotSentError(str(error)) from None
                self._token = str(answer["access_token"])
                keep_secret(self._token)
                lifetime = float(answer.get("expires_in", 7200))
                self._token_until = time.monotonic() + max(lifetime - _TOKEN_MARGIN_SECONDS, lifetime / 2)
            return self._token

    def _call(self, method: str, path: str, token: str | None, **request: Any) -> dict[str, Any]:
        self._limiter(path).try_acquire(path)
        params = {**request.pop("params", {}), **({"access_token": token} if token else {})}
        try:
            response = self._http.request(method, path, params=params, **request)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise NotSentError(f"WeCom {path}: not reached ({type(error).__name__})") from None
        except httpx.TransportError as error:
            raise UnknownOutcomeError(f"WeCom {path}: no answer ({type(error).__name__})") from None
        try:
            answer = response.json()
            code = int(answer.get("errcode", 0))
        except (ValueError, AttributeError, TypeError):
            # A gateway may answer for a server that did the work.
            raise UnknownOutcomeError(
                f"WeCom {path}: expected JSON with errcode, got HTTP {response.status_code} without"
            ) from None
        if code != 0:
            raise WecomRefusedError(path, code, str(answer.get("errmsg", "")), self.credentials)
        return dict(answer)

    def _limiter(self, path: str) -> Limiter:
        with_limit = self._limiters.get(path)
        if with_limit is None:
            with_limit = self._limiters.setdefault(path, Limiter(Rate(self._per_minute, 60_000)))
        return with_limit
