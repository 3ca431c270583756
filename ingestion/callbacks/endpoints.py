"""Which apps may call back, under which path, and where their events land. A new one is entered here."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from common.settings import Settings
from common.streams import STREAMS, Stream
from ingestion.callbacks.crypto import CallbackCrypto, CallbackKeyError


class CallbackSetupError(ValueError):
    """The receiver cannot start with these settings; the message says what is missing."""


@dataclass(frozen=True)
class Endpoint:
    """One app's callback URL. The fields are the stream's key and names of settings: account id, token, key."""

    name: str
    label: str
    stream_key: str
    account: str
    token: str
    aes_key: str

    @property
    def path(self) -> str:
        """Path of the URL to enter in the platform's console."""
        return f"/callbacks/{self.name}"

    @property
    def stream(self) -> Stream:
        return STREAMS[self.stream_key]

    def wanted(self, settings: Settings) -> bool:
        """Whether somebody began to configure it."""
        return bool(getattr(settings, self.token) or getattr(settings, self.aes_key))

    def missing(self, settings: Settings) -> list[str]:
        """Return the environment variables that are not set."""
        names = (self.account, self.token, self.aes_key)
        return [f"SIYU_{name.upper()}" for name in names if not getattr(settings, name)]

    def crypto(self, settings: Settings) -> CallbackCrypto:
        """Return what checks and opens this app's callbacks.

        Raises:
            CallbackSetupError: a setting is missing or no key.
        """
        if missing := self.missing(settings):
            raise CallbackSetupError(
                f"{self.label}: expected the settings {', '.join(missing)}; set them in the environment or .env"
            )
        account: str = getattr(settings, self.account)
        token: SecretStr = getattr(settings, self.token)
        aes_key: SecretStr = getattr(settings, self.aes_key)
        try:
            return CallbackCrypto(token, aes_key, account)
        except CallbackKeyError as error:
            raise CallbackSetupError(f"SIYU_{self.aes_key.upper()}: {error}") from None


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "wecom", "企业微信", "wecom/events", "wecom_corp_id", "wecom_callback_token", "wecom_callback_aes_key"
    ),
    Endpoint(
        "shop",
        "微信小店",
        "video_account/events",
        "shop_app_id",
        "shop_callback_token",
        "shop_callback_aes_key",
    ),
    Endpoint(
        "official",
        "公众号",
        "official_account/events",
        "official_app_id",
        "official_callback_token",
        "official_callback_aes_key",
    ),
)
STREAM_KEYS: frozenset[str] = frozenset(endpoint.stream_key for endpoint in ENDPOINTS)


def configured(settings: Settings) -> list[Endpoint]:
    """Return the endpoints that somebody configured.

    Raises:
        CallbackSetupError: there is none, or one of them is configured by half.
    """
    wanted = [endpoint for endpoint in ENDPOINTS if endpoint.wanted(settings)]
    if not wanted:
        names = ", ".join(f"SIYU_{e.token.upper()} with SIYU_{e.aes_key.upper()}" for e in ENDPOINTS)
        raise CallbackSetupError(f"no callbacks are configured: expected {names}; set them in .env")
    for endpoint in wanted:
        endpoint.crypto(settings)
    return wanted
