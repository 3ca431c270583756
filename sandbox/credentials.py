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
        "SIYU_WECOM_CALLBACK_TOKEN": SANDBOX_CALLBACK_TOKEN,
        "SIYU_WECOM_CALLBACK_AES_KEY": SANDBOX_CALLBACK_AES_KEY,
        "SIYU_SHOP_CALLBACK_TOKEN": SANDBOX_CALLBACK_TOKEN,
        "SIYU_SHOP_CALLBACK_AES_KEY": SANDBOX_CALLBACK_AES_KEY,
    }
