"""Access tokens: one cache per app, fetched by one thread at a time, never written anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from common.redact import keep_secret
from ingestion.api_errors import CredentialError, TransportError
from ingestion.refusals import Refusal

# Fetched anew this long before its end, so that no call starts with a token about to expire.
RENEW_BEFORE_SECONDS = 300.0

Fetch = Callable[[bool], tuple[str, float]]
Call = Callable[..., dict[str, Any]]


class TokenCache:
    """Holds one token. ``fetch(force)`` returns (token, life in seconds); ``force`` asks for another one."""

    def __init__(self, fetch: Fetch, refusal: Refusal | None = None) -> None:
        self._fetch, self._refusal = fetch, refusal
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0
        self._refused: CredentialError | None = None

    def get(self) -> str:
        """Return a token that is good for some time yet."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._until:
                self._renew(force=False)
            return self._token or ""

    def replace(self, stale: str) -> str:
        """Return a token other than the one the server just refused; many callers cause one fetch."""
        with self._lock:
            if self._token == stale:
                self._renew(force=False)
            if self._token == stale:
                self._renew(force=True)
            return self._token or ""

    def _renew(self, *, force: bool) -> None:
        # Threads that waited for the lock must not ask again: each wrong secret counts against our IP.
        if self._refused is None and self._refusal is not None:
            self._refused = self._refusal.recall()
        if self._refused is not None:
            raise self._refused
        try:
            token, seconds = self._fetch(force)
        except CredentialError as error:
            self._refused = error
            if self._refusal is not None:
                self._refusal.remember(error)
            raise
        keep_secret(token)
        self._token = token
        self._until = time.monotonic() + max(seconds - RENEW_BEFORE_SECONDS, seconds / 2)


def wecom_token(call: Call, corp_id: str, secret: SecretStr, refusal: Refusal | None = None) -> TokenCache:
    """Return the token cache of one WeCom app (gettoken)."""

    def fetch(_force: bool) -> tuple[str, float]:
        query = {"corpid": corp_id, "corpsecret": secret.get_secret_value()}
        return _token_in(call("GET", "/cgi-bin/gettoken", params=query))

    return TokenCache(fetch, refusal)


def stable_token(call: Call, app_id: str, secret: SecretStr, refusal: Refusal | None = None) -> TokenCache:
    """Return the token cache of one api.weixin.qq.com app (stable_token: processes may share it)."""

    def fetch(force: bool) -> tuple[str, float]:
        body = {
            "grant_type": "client_credential",
            "appid": app_id,
            "secret": secret.get_secret_value(),
            "force_refresh": force,
        }
        return _token_in(call("POST", "/cgi-bin/stable_token", body=body))

    return TokenCache(fetch, refusal)


def _token_in(answer: dict[str, Any]) -> tuple[str, float]:
    if not answer.get("access_token"):
        raise TransportError("expected an access_token in the answer of the token API, got none")
    return str(answer["access_token"]), float(answer.get("expires_in", 7200))
