"""The client for api.weixin.qq.com (公众号, 小程序): another host, another token, the rest as for WeCom."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from activation.contracts import DestinationStoppedError
from activation.policy import WecomTagsPolicy
from activation.wecom_client import TOKEN_STALE, WecomClient
from common.settings import Settings


class OfficialClient(WecomClient):
    """Speaks for the official account, or for the mini-program. On this host 40001 is a dead token too."""

    token_stale = TOKEN_STALE | {40001}

    def __init__(self, settings: Settings, policy: WecomTagsPolicy, *, miniprogram: bool) -> None:
        app = "MINIPROGRAM" if miniprogram else "OFFICIAL"
        self.credentials = f"SIYU_{app}_APP_ID and SIYU_{app}_SECRET"
        self._app_id = settings.miniprogram_app_id if miniprogram else settings.official_app_id
        self._secret = settings.miniprogram_secret if miniprogram else settings.official_secret
        super().__init__(settings, policy)

    def host(self, settings: Settings) -> str:
        """Return the address of the host; raises as WecomClient."""
        self._credentials()
        return settings.wechat_base_url

    def ask_token(self, settings: Settings) -> dict[str, Any]:
        """Ask for the stable token, which other processes share."""
        app_id, secret = self._credentials()
        body = {
            "grant_type": "client_credential",
            "appid": app_id,
            "secret": secret.get_secret_value(),
            "force_refresh": False,
        }
        return self._call("POST", "stable_token", None, json=body)

    def _credentials(self) -> tuple[str, SecretStr]:
        if not self._app_id or self._secret is None:
            raise DestinationStoppedError(f"subscribe messages are not configured: set {self.credentials}")
        return self._app_id, self._secret
