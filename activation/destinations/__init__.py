"""The destinations that segments can be sent to, by the name that segment declarations use."""

from __future__ import annotations

from collections.abc import Callable

from activation.contracts import ActivationError, Destination
from activation.destinations.file_export import FileExport
from activation.destinations.miniprogram_messages import MiniprogramMessages
from activation.destinations.postgresql_table import PostgresqlTable
from activation.destinations.subscribe_messages import SubscribeMessages
from activation.destinations.webhook import Webhook
from activation.destinations.wecom_group_messages import WecomGroupMessages
from activation.destinations.wecom_messages import WecomMessages
from activation.destinations.wecom_moments import WecomMoments
from activation.destinations.wecom_tags import WecomTags
from activation.messages.base import MessageDestination
from activation.policy import Policy
from common.settings import Settings

_MESSAGES: dict[str, Callable[[Settings, Policy], MessageDestination]] = {
    WecomMessages.name: WecomMessages,
    WecomGroupMessages.name: WecomGroupMessages,
    WecomMoments.name: WecomMoments,
    SubscribeMessages.name: SubscribeMessages,
    MiniprogramMessages.name: MiniprogramMessages,
}
_BUILDERS: dict[str, Callable[[Settings, Policy], Destination]] = {
    WecomTags.name: WecomTags,
    FileExport.name: FileExport,
    Webhook.name: Webhook,
    PostgresqlTable.name: PostgresqlTable,
    **_MESSAGES,
}

NAMES = tuple(_BUILDERS)
MESSAGE_NAMES = tuple(_MESSAGES)


def build(name: str, settings: Settings, policy: Policy) -> Destination:
    """Return a destination; nothing is opened or called yet.

    Raises:
        ActivationError: there is none of this name.
    """
    if name not in _BUILDERS:
        raise ActivationError(f"no destination {name!r}; there are {list(NAMES)}")
    return _BUILDERS[name](settings, policy)
