"""Subscribe messages (订阅消息) of the mini-program, to the openids that its registers and orders name."""

from __future__ import annotations

from typing import Any

from activation.contracts import Channel, DestinationStoppedError, Segment
from activation.messages.subscriptions import SubscriptionMessages, receivers_of
from activation.policy import Policy
from common.settings import Settings


class MiniprogramMessages(SubscriptionMessages):
    """The destination ``miniprogram_messages``. Whom it reaches follows from the mini-program's app id."""

    name = "miniprogram_messages"
    channel = Channel.MINIPROGRAM
    is_miniprogram = True
    path = "message/subscribe/send"

    def __init__(self, settings: Settings, policy: Policy) -> None:
        super().__init__(settings, policy)
        self.receivers = receivers_of(settings.miniprogram_app_id or "")

    def check(self, segment: Segment) -> None:
        """Raise DestinationStoppedError without an app id: nobody's openid is known to be this mini-program's."""
        super().check(segment)
        if not self.settings.miniprogram_app_id:
            raise DestinationStoppedError(
                "miniprogram_messages: expected SIYU_MINIPROGRAM_APP_ID, which says whose openids these are, got none; "
                "set it as the registers and orders of its customers name it (app_id)"
            )

    def more_body(self) -> dict[str, Any]:
        """Which version of the mini-program a tap on the message opens."""
        return {"miniprogram_state": self.policy.messages.miniprogram_state}
