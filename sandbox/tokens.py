"""Access tokens of the sandbox: one holder for each app, in memory only (a restart forgets them)."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass

from sandbox.answers import ApiError
from sandbox.credentials import (
    SANDBOX_CORP_ID,
    SANDBOX_CORP_SECRET,
    SANDBOX_FINDER_APP_ID,
    SANDBOX_FINDER_SECRET,
    SANDBOX_MINIPROGRAM_APP_ID,
    SANDBOX_MINIPROGRAM_SECRET,
    SANDBOX_OFFICIAL_APP_ID,
    SANDBOX_OFFICIAL_SECRET,
    SANDBOX_SHOP_APP_ID,
    SANDBOX_SHOP_SECRET,
    SANDBOX_YOUZAN_CLIENT_ID,
    SANDBOX_YOUZAN_SECRET,
)

WECOM, SHOP, FINDER = "wecom", "shop", "finder"
OFFICIAL, MINIPROGRAM = "official", "miniprogram"
YOUZAN = "youzan"
_APPS = {
    SANDBOX_CORP_ID: (WECOM, SANDBOX_CORP_SECRET),
    SANDBOX_SHOP_APP_ID: (SHOP, SANDBOX_SHOP_SECRET),
    SANDBOX_FINDER_APP_ID: (FINDER, SANDBOX_FINDER_SECRET),
    SANDBOX_OFFICIAL_APP_ID: (OFFICIAL, SANDBOX_OFFICIAL_SECRET),
    SANDBOX_MINIPROGRAM_APP_ID: (MINIPROGRAM, SANDBOX_MINIPROGRAM_SECRET),
    SANDBOX_YOUZAN_CLIENT_ID: (YOUZAN, SANDBOX_YOUZAN_SECRET),
}


@dataclass(frozen=True)
class _Token:
    app: str
    expires: float


class TokenDesk:
    """Gives out tokens that live ``ttl_seconds`` and checks them."""

    def __init__(self, ttl_seconds: float) -> None:
        self.ttl_seconds = ttl_seconds
        self._tokens: dict[str, _Token] = {}
        self._current: dict[str, str] = {}

    def issue(self, app_id: str, secret: str, *, wecom: bool, fresh: bool = False) -> tuple[str, int]:
        """Return (token, seconds left); the same token while it is valid unless ``fresh``.

        Raises:
            ApiError: 40013 unknown id, 40001 wrong secret.
        """
        app, expected = _APPS.get(app_id, ("", ""))
        if not app or (app == WECOM) is not wecom:
            raise ApiError(40013, "invalid corpid" if wecom else "invalid appid")
        if not hmac.compare_digest(secret.encode(), expected.encode()):
            raise ApiError(40001, "invalid credential")
        now = time.monotonic()
        current = self._current.get(app)
        if fresh or current is None or self._tokens[current].expires <= now:
            current = secrets.token_urlsafe(64)
            self._tokens[current] = _Token(app, now + self.ttl_seconds)
            self._current[app] = current
        return current, max(1, int(self._tokens[current].expires - now))

    def check(self, token: str | None, app: str) -> None:
        """Accept a token of this app.

        Raises:
            ApiError: 41001 missing, 40014 unknown or of another platform, 42001 expired, 48001 of an app
                that may not call this API.
        """
        if not token:
            raise ApiError(41001, "access_token missing")
        known = self._tokens.get(token)
        if known is None:
            raise ApiError(40014, "invalid access_token")
        if known.expires <= time.monotonic():
            raise ApiError(42001, "access_token expired")
        if known.app != app:
            if WECOM in (known.app, app):
                raise ApiError(40014, "invalid access_token")
            raise ApiError(48001, "api unauthorized")

    def forget(self, token: str) -> None:
        """Invalidate one token early."""
        self._tokens.pop(token, None)
        self._current = {app: current for app, current in self._current.items() if current != token}

    def forget_all(self) -> None:
        """Invalidate every token early, as the platform may."""
        self._tokens.clear()
        self._current.clear()
