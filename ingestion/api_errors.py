"""The errcodes of the WeChat-family APIs as exceptions, one class per thing that a caller should do."""

from __future__ import annotations

import re

from common.redact import redact

# errmsg carries a trace id and the caller's IP, different every time; without them equal errors look equal.
_TRACE = re.compile(
    r"[,;]?\s*(hint:\s*\[[^\]]*\]|from ip:\s*[^,\s]+|rid:\s*\S+|more info at https?://\S+)", re.I
)


_CALLER_IP = re.compile(r"\bip:?\s*((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]+)", re.I)


class ApiError(RuntimeError):
    """The server answered with an errcode. ``api`` is the path, never the full URL.

    ``caller_ip`` is the address the server saw us come from, where it says so.
    """

    advice = "see the platform's errcode list"

    def __init__(self, api: str, code: int, message: str) -> None:
        self.api, self.code = api, code
        ip = _CALLER_IP.search(message)
        self.caller_ip = ip.group(1) if ip else None
        self.message = redact(_TRACE.sub("", message)).strip()
        super().__init__(f"{api}: errcode {code} ({self.message}); {self.advice}")


class TransportError(RuntimeError):
    """The call did not come back with a readable answer. Carries no URL: tokens travel in URLs.

    ``wait_seconds`` is what the server asked to wait (``Retry-After``), None when it did not say.
    """

    def __init__(self, message: str, *, retry: bool = True, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry, self.wait_seconds = retry, wait_seconds


class TokenStaleError(ApiError):
    """The access token is invalid, expired or missing; a new one is fetched once."""

    advice = "the token was refused even after a new one was fetched"


class CredentialError(ApiError):
    """Wrong secret or id. Never retried: repeated wrong secrets block the caller's IP for an hour."""

    advice = "check the corp or app id and its secret; it is not retried"


class BusyError(ApiError):
    """The system is busy; retried."""

    advice = "the platform stayed busy; run again later"


class RateLimitedError(ApiError):
    """A quota of a minute or more is used up; retried after a minute's block has passed."""

    advice = (
        "the quota of an hour or a day may be used up: run again later, lower SIYU_API_CALLS_PER_MINUTE, or let "
        "runs wait an hour (SIYU_API_QUOTA_WAIT_MINUTES=60)"
    )


class TooConcurrentError(ApiError):
    """Too many calls in flight; retried with half as many."""

    advice = "another program may be using the same API at the same time"


class TooLargeError(ApiError):
    """The answer would be too large; the request has to be split."""

    advice = "ask for less at once"


class NoRelationError(ApiError):
    """The customer is no contact (any more) of this staff member."""

    advice = "the relation has ended"


class MemberGoneError(ApiError):
    """The staff member is gone or not activated."""

    advice = "skip this staff member"


class ScopeError(ApiError):
    """The app has no right to this."""

    advice = "check the app's visible range, API permissions and trusted IPs"


class NotReadyError(ApiError):
    """The platform is still working on it; retried after a minute."""

    advice = "run again in a few minutes"


class ShopClosedError(ApiError):
    """The shop is closed or closing."""

    advice = "take the shop's credentials out of the settings"


class ParameterError(ApiError):
    """The request itself was wrong: a bug, or a thing that is not there."""

    advice = "not retried: the same request would fail again"


_CLASSES: dict[type[ApiError], tuple[int, ...]] = {
    TokenStaleError: (40014, 42001, 41001),
    CredentialError: (40001, 40013, 40091, 40125),
    BusyError: (-1,),
    RateLimitedError: (45009, 45011),
    TooConcurrentError: (45033,),
    TooLargeError: (45029, 81017),
    NoRelationError: (84061, 84084, 40096),
    MemberGoneError: (60111, 40003, 46004, 41054, 84083),
    ScopeError: (60011, 60030, 60020, 48001, 48002, 84074, 81013, 45035, 61004),
    NotReadyError: (41063, 41079),
    ShopClosedError: (10080000, 10080001),
    ParameterError: (40058, 40097, 47001, 10021069, 600018, 100002),
}
_CLASS_OF = {code: kind for kind, codes in _CLASSES.items() for code in codes}


def error_for(api: str, code: int, message: str, *, stale_codes: frozenset[int] = frozenset()) -> ApiError:
    """Return the exception of an errcode; ``stale_codes`` are further codes that mean a stale token here."""
    kind = TokenStaleError if code in stale_codes else _CLASS_OF.get(code, ApiError)
    return kind(api, code, message)
