"""What a channel module offers: a reader per stream, and the app whose credentials it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common.lake import Lake
from common.settings import Settings
from ingestion.http import Transport
from ingestion.windows import Window


class FetchSetupError(ValueError):
    """The stream cannot be fetched with these settings or arguments; the message says what is missing."""


@dataclass(frozen=True)
class Question:
    """What a reader gets: how to call, what the lake knows, and for windowed streams which window."""

    settings: Settings
    transport: Transport
    lake: Lake
    asked_window: Window | None = None

    @property
    def window(self) -> Window:
        """The window asked for.

        Raises:
            FetchSetupError: the stream is windowed and nobody gave a window.
        """
        if self.asked_window is None:
            raise FetchSetupError("expected a window; ingestion.windows.default_window gives one for a day")
        return self.asked_window


Reader = Callable[[Question], Iterator[Any]]


@dataclass(frozen=True)
class App:
    """One app of a platform. The fields are names of settings: account id, secret, base URL."""

    name: str
    account: str
    secret: str
    base_url: str
    connect: Callable[..., Transport]

    def missing(self, settings: Settings) -> list[str]:
        """Return the environment variables that are not set; without them nothing can be fetched."""
        names = (self.account, self.secret, self.base_url)
        return [f"SIYU_{name.upper()}" for name in names if not getattr(settings, name)]

    def transport(self, settings: Settings, **options: Any) -> Transport:
        """Return the app's transport; close it after use."""
        account, secret, base_url = (
            getattr(settings, name) for name in (self.account, self.secret, self.base_url)
        )
        limits = {
            "calls_per_minute": settings.api_calls_per_minute,
            "calls_per_hour": settings.api_calls_per_hour,
            "quota_wait_minutes": settings.api_quota_wait_minutes,
            "limits_dir": settings.home / "limits",
        }
        return self.connect(base_url, account, secret, **{**limits, **options})
