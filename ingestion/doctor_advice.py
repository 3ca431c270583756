"""What to do about an error of an app, in one line, with the names that the consoles show."""

from __future__ import annotations

from common.settings import Settings
from ingestion.api_errors import ApiError, CredentialError, RateLimitedError, TransportError
from ingestion.readers import App

_NOT_ON_THE_LIST = frozenset({60020, 61004, 45035})
_NOT_PERMITTED = frozenset({48001, 48002})
_OUT_OF_RANGE = frozenset({60011, 60030, 84074, 81013})
_WRONG_ID = frozenset({40013, 40091})


def advice_for(error: ApiError | TransportError, secret: str, settings: Settings, app: App) -> str:
    """Return what to do. ``secret`` is the variable that holds the app's secret."""
    if isinstance(error, TransportError):
        return (
            f"check that this machine reaches {getattr(settings, app.base_url)} (DNS, proxy, firewall), and "
            f"SIYU_{app.base_url.upper()}"
        )
    wecom = app.name == "wecom"
    if error.code in _NOT_ON_THE_LIST or _speaks_of_the_list(error):
        place = "企业可信IP of the app" if wecom else "IP白名单 of the app"
        return f"add {error.caller_ip or 'the IP of this machine'} to the {place}; it takes a minute to apply"
    if error.code in _WRONG_ID:
        return f"check SIYU_{app.account.upper()}, and that {secret} belongs to it"
    if isinstance(error, CredentialError):
        return (
            f"copy the secret anew from the app's console into {secret}; wrong ones block the IP for an hour"
        )
    if error.code in _NOT_PERMITTED:
        place = "客户联系 → 可调用接口的应用" if wecom else "接口权限 of the console"
        return f"let the app call it: {place}"
    if error.code in _OUT_OF_RANGE:
        return "widen the app's 可见范围, or its 权限 in the console"
    if isinstance(error, RateLimitedError):
        return "the quota is used up: another program uses it too, or run again in an hour"
    return error.advice


def _speaks_of_the_list(error: ApiError) -> bool:
    """Not every host's code for this is documented; the text is plain."""
    text = error.message.lower()
    return "whitelist" in text and "ip" in text
