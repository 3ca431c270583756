"""The destinations that segments can be sent to, by the name that segment declarations use."""

from __future__ import annotations

from collections.abc import Callable

from activation.contracts import ActivationError, Destination
from activation.destinations.file_export import FileExport
from activation.destinations.postgresql_table import PostgresqlTable
from activation.destinations.webhook import Webhook
from activation.destinations.wecom_tags import WecomTags
from activation.policy import Policy
from common.settings import Settings

_BUILDERS: dict[str, Callable[[Settings, Policy], Destination]] = {
    WecomTags.name: WecomTags,
    FileExport.name: FileExport,
    Webhook.name: Webhook,
    PostgresqlTable.name: PostgresqlTable,
}

NAMES = tuple(_BUILDERS)


def build(name: str, settings: Settings, policy: Policy) -> Destination:
    """Return a destination; nothing is opened or called yet.

    Raises:
        ActivationError: there is none of this name.
    """
    if name not in _BUILDERS:
        raise ActivationError(f"no destination {name!r}; there are {list(NAMES)}")
    return _BUILDERS[name](settings, policy)
