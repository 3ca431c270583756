"""Subscribe messages (订阅通知) of the official account, to its followers."""

from __future__ import annotations

from activation.contracts import Channel
from activation.messages.subscriptions import SubscriptionMessages, receivers_of


class SubscribeMessages(SubscriptionMessages):
    """The destination ``subscribe_messages``; a customer is reached by the openid that followed last."""

    name = "subscribe_messages"
    channel = Channel.OFFICIAL
    is_miniprogram = False
    path = "message/subscribe/bizsend"
    receivers = receivers_of("official_account")
