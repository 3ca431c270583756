"""Fetches one stream of a channel's API into the lake as an arrival, for the gate to judge.

rows received = rows in the arrival + rows in quarantine. A full scan with unreadable records deletes nothing:
what could not be read must not look as if it were gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretStr

from common.lake import Arrival, Lake, LoadReport
from common.pii import pii_key
from common.settings import Settings
from common.streams import STREAMS, Stream
from ingestion.channels import video_account, wecom
from ingestion.extract import extract
from ingestion.http import Transport, wechat_transport, wecom_transport
from ingestion.known import carry_over, living_values
from ingestion.parts import new_folders
from ingestion.records import RecordBatches
from ingestion.windows import WINDOWED, Window, default_window

__all__ = ["FetchSetupError", "Window", "configured_streams", "default_window", "fetch"]

QUARANTINE = STREAMS["quarantine/rows"]
_APPS: dict[str, tuple[str, ...]] = {
    "wecom": ("wecom/staff", "wecom/corp_tags", "wecom/contacts", "wecom/groups"),
    "shop": ("video_account/shop_orders", "video_account/aftersales"),
    "finder": ("video_account/lives",),
}
_SETTINGS = {
    "wecom": ("wecom_corp_id", "wecom_secret", "wecom_base_url"),
    "shop": ("shop_app_id", "shop_secret", "wechat_base_url"),
    "finder": ("finder_app_id", "finder_secret", "wechat_base_url"),
}


class FetchSetupError(ValueError):
    """The stream cannot be fetched with these settings or arguments; the message says what is missing."""


def configured_streams(settings: Settings) -> list[str]:
    """Return the keys of the streams whose app has its credentials in the settings."""
    return [key for app, keys in _APPS.items() if not _missing(settings, app) for key in keys]


def fetch(settings: Settings, lake: Lake, stream_key: str, *, window: Window | None) -> list[Arrival]:
    """Fetch one stream and return its arrival, and one for quarantine when records could not be read.

    Windowed streams need ``window`` (see ``default_window``); its end travels as the report's ``window_end``.
    Full scans ignore it.

    Raises:
        FetchSetupError: no such API stream, its app is not configured, or the window is missing.
        ApiError, TransportError, PagingError: the API could not be read to the end; nothing arrived.
    """
    app = next((app for app, keys in _APPS.items() if stream_key in keys), None)
    if app is None:
        known = ", ".join(key for keys in _APPS.values() for key in keys)
        raise FetchSetupError(f"{stream_key}: expected one of {known}")
    if missing := _missing(settings, app):
        raise FetchSetupError(
            f"{stream_key}: expected the settings {missing}; set them in the environment or .env"
        )
    if stream_key not in WINDOWED:
        window = None
    elif window is None:
        raise FetchSetupError(f"{stream_key}: expected a window; default_window gives one for a day")
    lake.ensure()
    with _transport(settings, app) as transport:
        return _fetch(settings, lake, STREAMS[stream_key], window, transport)


def _fetch(
    settings: Settings, lake: Lake, stream: Stream, window: Window | None, transport: Transport
) -> list[Arrival]:
    began = time.monotonic()
    source = f"api:{stream.key}" + (f" {window}" if window else "")
    batches = RecordBatches(stream, source, pii_key(settings))
    payloads = _READERS[stream.key](transport, lake, window)
    with new_folders(lake, stream) as (folder,):
        rows = extract(settings, stream, batches, payloads, folder)
        refused = len(batches.refused)
        details: dict[str, Any] = {"window": str(window) if window else None}
        if refused and stream.complete:
            details["carried"] = carry_over(lake, stream, folder)
        details["seconds"] = round(time.monotonic() - began, 1)
        report = LoadReport(
            stream.key,
            f"api:{stream.key}",
            rows + refused,
            refused,
            window_end=window.end.isoformat() if window else None,
            details=details,
        )
        arrivals = [lake.arrive(stream, folder, report)]
    if refused:
        about = LoadReport(QUARANTINE.key, f"api:{stream.key}", refused, details={"of": stream.key})
        arrivals.append(lake.arrive_rows(QUARANTINE, batches.refused, about))
    return arrivals


def _unsettled(lake: Lake) -> list[str]:
    final = ", ".join(f"'{status}'" for status in video_account.FINAL_AFTERSALE_STATUSES)
    condition = f"coalesce(payload ->> '$.status', '') not in ({final})"
    return living_values(lake, STREAMS["video_account/aftersales"], "record_key", condition)


def _group_owners(lake: Lake) -> list[str]:
    return living_values(lake, STREAMS["wecom/groups"], "payload ->> '$.owner'")


_READERS: dict[str, Callable[[Transport, Lake, Any], Iterator[Any]]] = {
    "wecom/staff": lambda transport, _lake, _window: wecom.staff(transport),
    "wecom/corp_tags": lambda transport, _lake, _window: wecom.corp_tags(transport),
    "wecom/contacts": lambda transport, _lake, _window: wecom.contacts(transport),
    "wecom/groups": lambda transport, lake, _window: wecom.groups(transport, _group_owners(lake)),
    "video_account/lives": lambda transport, _lake, window: video_account.lives(transport, window),
    "video_account/shop_orders": lambda transport, _lake, window: video_account.shop_orders(
        transport, window
    ),
    "video_account/aftersales": lambda transport, lake, window: video_account.aftersales(
        transport, window, _unsettled(lake)
    ),
}


def _transport(settings: Settings, app: str) -> Transport:
    account, secret, base_url = (getattr(settings, name) for name in _SETTINGS[app])
    make = wecom_transport if app == "wecom" else wechat_transport
    secret = secret if isinstance(secret, SecretStr) else SecretStr(secret)
    return make(base_url, account, secret, calls_per_minute=settings.api_calls_per_minute)


def _missing(settings: Settings, app: str) -> str:
    empty = [name for name in _SETTINGS[app] if not getattr(settings, name)]
    return ", ".join(f"SIYU_{name.upper()}" for name in empty)
