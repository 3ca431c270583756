"""WeCom group robot (企业微信群机器人): one markdown message to the group that watches over the runs.

The address holds the key of the robot: no error text shows it, nor anything else than the platform's own words.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import stamina
from pyrate_limiter import Limiter, Rate

from activation.errors import ActivationError
from common.redact import keep_secret, redact
from common.settings import Settings

MOST_BYTES = 4096
"""Of a markdown message, in UTF-8."""
_PER_MINUTE = 20
_TIMEOUT_SECONDS = 10
_BUSY = {-1, 45009}

logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines carry the key in the URL


class RobotError(ActivationError):
    """The message did not get through; nobody was told."""


class _LaterError(RobotError):
    """The platform asked for patience."""


class Robot:
    """The robot that ``SIYU_ALERT_WEBHOOK`` names. At most 20 messages a minute leave this process.

    Raises:
        RobotError: the setting is no address of a robot.
    """

    def __init__(self, settings: Settings) -> None:
        url = settings.alert_webhook.get_secret_value() if settings.alert_webhook else ""
        parts = urlsplit(url)
        keys = parse_qs(parts.query).get("key", [])
        is_local = parts.hostname in ("127.0.0.1", "localhost")
        if len(keys) != 1 or not (parts.scheme == "https" or (is_local and parts.scheme == "http")):
            raise RobotError(
                "SIYU_ALERT_WEBHOOK: expected https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…, "
                "as the group shows it, got another address"
            )
        keep_secret(keys[0])
        self._url = url
        self._limiter = Limiter(Rate(_PER_MINUTE, 60_000))

    def tell(self, markdown: str) -> None:
        """Send a message; what is too long is cut. Known secrets are blacked out.

        A message that may have arrived is sent again: told twice is better than not at all.

        Raises:
            RobotError: it was refused, or the platform did not answer.
        """
        body = {"msgtype": "markdown", "markdown": {"content": cut(redact(markdown))}}
        self._limiter.try_acquire("robot")
        for attempt in stamina.retry_context(
            on=(httpx.TransportError, _LaterError), attempts=3, timeout=45, wait_initial=1, wait_max=15
        ):
            with attempt:
                try:
                    return self._post(body)
                except httpx.TransportError as error:
                    if attempt.num < 3:
                        raise
                    raise RobotError(f"the robot was not reached ({type(error).__name__})") from None

    def _post(self, body: Mapping[str, object]) -> None:
        response = httpx.post(self._url, json=body, timeout=_TIMEOUT_SECONDS)
        try:
            answer = response.json()
            code, message = int(answer["errcode"]), redact(str(answer.get("errmsg", "")))[:200]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RobotError(f"the robot answered HTTP {response.status_code} without an errcode") from None
        if code in _BUSY:
            raise _LaterError(f"the robot answered {code}: {message}")
        if code:
            advice = "; take the address from the group's robot anew" if code == 93000 else ""
            raise RobotError(f"the robot answered {code}: {message}{advice}")


def cut(text: str) -> str:
    """Return the text in at most 4,096 bytes, with a mark where it was cut."""
    if len(text.encode()) <= MOST_BYTES:
        return text
    mark = "\n…"
    return text.encode()[: MOST_BYTES - len(mark.encode())].decode(errors="ignore") + mark
