"""The apps of the platforms, and every stream with its app and reader. A new API stream is entered here."""

from __future__ import annotations

from ingestion.channels import (
    compass,
    coupons,
    leads,
    official_account,
    payments,
    video_account,
    wecom,
    wecom_details,
    wecom_groups,
    wecom_messages,
    wecom_moments,
    wecom_stats,
    youzan,
)
from ingestion.http import wechat_transport, wecom_transport
from ingestion.readers import App, Reader

WECOM = App("wecom", "wecom_corp_id", "wecom_secret", "wecom_base_url", wecom_transport)
SHOP = App("shop", "shop_app_id", "shop_secret", "wechat_base_url", wechat_transport)
FINDER = App("finder", "finder_app_id", "finder_secret", "wechat_base_url", wechat_transport)
OFFICIAL = App("official", "official_app_id", "official_secret", "wechat_base_url", wechat_transport)
MINIPROGRAM = App(
    "miniprogram", "miniprogram_app_id", "miniprogram_secret", "wechat_base_url", wechat_transport
)

_READERS: tuple[tuple[App, dict[str, Reader]], ...] = (
    (WECOM, wecom.READERS),
    (WECOM, wecom_groups.READERS),
    (WECOM, wecom_details.READERS),
    (WECOM, wecom_stats.READERS),
    (WECOM, wecom_messages.READERS),
    (WECOM, wecom_moments.READERS),
    (SHOP, video_account.SHOP_READERS),
    (FINDER, video_account.FINDER_READERS),
    (SHOP, compass.READERS),
    (SHOP, coupons.READERS),
    (FINDER, leads.READERS),
    (OFFICIAL, official_account.READERS),
    (MINIPROGRAM, payments.READERS),
    (youzan.YOUZAN, youzan.READERS),
)
READERS: dict[str, tuple[App, Reader]] = {
    key: (app, reader) for app, readers in _READERS for key, reader in readers.items()
}
APPS: tuple[App, ...] = tuple(dict.fromkeys(app for app, _ in _READERS))
