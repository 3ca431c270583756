"""Known credentials of the sandbox: made values that open nothing but the sandbox itself."""

from __future__ import annotations

SANDBOX_CORP_ID = "ww5a6e64626f780001"
SANDBOX_CORP_SECRET = "sandbox-wecom-secret"  # noqa: S105 - public on purpose
SANDBOX_SHOP_APP_ID = "wx5a6e64626f780002"
SANDBOX_SHOP_SECRET = "sandbox-shop-secret"  # noqa: S105
SANDBOX_FINDER_APP_ID = "wx5a6e64626f780003"
SANDBOX_FINDER_SECRET = "sandbox-finder-secret"  # noqa: S105
SANDBOX_CALLBACK_TOKEN = "sandboxcallbacktoken"  # noqa: S105
SANDBOX_CALLBACK_AES_KEY = "c2FuZGJveC1jYWxsYmFjay1rZXktMzItYnl0ZXMtISE"
SANDBOX_MINIPROGRAM_APP_ID = "wx5a6e64626f780004"
SANDBOX_MINIPROGRAM_SECRET = "sandbox-miniprogram-secret"  # noqa: S105
SANDBOX_OFFICIAL_APP_ID = "wx5a6e64626f780005"
SANDBOX_OFFICIAL_SECRET = "sandbox-official-secret"  # noqa: S105
SANDBOX_YOUZAN_CLIENT_ID = "sandbox-youzan-client"
SANDBOX_YOUZAN_SECRET = "sandbox-youzan-secret"  # noqa: S105
SANDBOX_YOUZAN_KDT_ID = "5090001"
SANDBOX_ROBOT_KEY = "5a6e6462-6f78-0000-0006-sandboxrobot"


def as_environment(base_url: str) -> dict[str, str]:
    """Return the ``SIYU_*`` variables that point a Siyu home at a sandbox served at ``base_url``."""
    return {
        "SIYU_WECOM_BASE_URL": base_url,
        "SIYU_WECOM_CORP_ID": SANDBOX_CORP_ID,
        "SIYU_WECOM_SECRET": SANDBOX_CORP_SECRET,
        "SIYU_WECHAT_BASE_URL": base_url,
        "SIYU_SHOP_APP_ID": SANDBOX_SHOP_APP_ID,
        "SIYU_SHOP_SECRET": SANDBOX_SHOP_SECRET,
        "SIYU_FINDER_APP_ID": SANDBOX_FINDER_APP_ID,
        "SIYU_FINDER_SECRET": SANDBOX_FINDER_SECRET,
        "SIYU_OFFICIAL_APP_ID": SANDBOX_OFFICIAL_APP_ID,
        "SIYU_OFFICIAL_SECRET": SANDBOX_OFFICIAL_SECRET,
        "SIYU_MINIPROGRAM_APP_ID": SANDBOX_MINIPROGRAM_APP_ID,
        "SIYU_MINIPROGRAM_SECRET": SANDBOX_MINIPROGRAM_SECRET,
        "SIYU_WECOM_CALLBACK_TOKEN": SANDBOX_CALLBACK_TOKEN,
        "SIYU_WECOM_CALLBACK_AES_KEY": SANDBOX_CALLBACK_AES_KEY,
        "SIYU_SHOP_CALLBACK_TOKEN": SANDBOX_CALLBACK_TOKEN,
        "SIYU_SHOP_CALLBACK_AES_KEY": SANDBOX_CALLBACK_AES_KEY,
        "SIYU_ALERT_WEBHOOK": f"{base_url}/cgi-bin/webhook/send?key={SANDBOX_ROBOT_KEY}",
    }


def youzan_environment(base_url: str) -> dict[str, str]:
    """Return the variables for the Youzan shop; apart, because the demo's mini-program is another shop."""
    return {
        "SIYU_YOUZAN_BASE_URL": base_url,
        "SIYU_YOUZAN_CLIENT_ID": SANDBOX_YOUZAN_CLIENT_ID,
        "SIYU_YOUZAN_CLIENT_SECRET": SANDBOX_YOUZAN_SECRET,
        "SIYU_YOUZAN_KDT_ID": SANDBOX_YOUZAN_KDT_ID,
    }
