"""Subscribe messages: one message for each subscription that a user granted, of one app of the platform.

The platform says at once whether it took the message, and tells of it nowhere else: a call without an answer cannot be
read back. Its row stays in doubt, is never sent again, and is ``unknown`` for good after ``unknown_after_days``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from activation.contracts import NO_QUOTA, RELATION_ENDED, Outcome, Receipt
from activation.messages.base import Batch, MessageDestination
from activation.messages.content import Words
from activation.messages.official_client import OfficialClient
from activation.messages.record import Sent
from activation.wecom_client import WecomClient, WecomRefusedError

# The user refuses, or her subscriptions of this template are used up.
_REFUSES = 43101
_NO_USER = {40003, 43004}


class SubscriptionMessages(MessageDestination):
    """Base of the destinations that are subscribe messages; a row is a customer, by the openid known last."""

    most_per_call = 1
    can_look_up = False
    is_miniprogram: bool
    path: str
    """The call below cgi-bin."""

    def connect(self) -> WecomClient:
        """Return the client that speaks for the app."""
        return OfficialClient(self.settings, self.policy.wecom_tags, miniprogram=self.is_miniprogram)

    def more_body(self) -> dict[str, Any]:
        """Return what this app's call says beside receiver, template, data and page."""
        return {}

    def post(self, batch: Batch, words: Words) -> list[Receipt]:
        """One message: taken, or refused for want of a subscription."""
        (change,) = batch.changes
        body = {
            "touser": change.values["receiver"],
            "template_id": words.template_id,
            "data": {name: {"value": value} for name, value in words.data.items()},
            **({"page": words.page} if words.page else {}),
            **self.more_body(),
        }
        try:
            self.client.post_message(self.path, body)
        except WecomRefusedError as error:
            code = str(error.code)
            if error.code == _REFUSES:
                return [Receipt(change.row_key, Outcome.REFUSED, code, NO_QUOTA, error.message)]
            if error.code in _NO_USER:
                return [Receipt(change.row_key, Outcome.REFUSED, code, RELATION_ENDED, error.message)]
            raise
        return [Receipt(change.row_key, Outcome.SENT, "0", "ok")]

    def find(
        self, batches: Sequence[Batch], since: dt.datetime, until: dt.datetime, taken: set[str]
    ) -> dict[str, list[str]]:
        """Nothing can be asked."""
        return {}

    def results(self, reference: str, rows: Sequence[Sent]) -> Iterator[Receipt]:
        """Nothing waits."""
        return iter(())


def receivers_of(app: str) -> str:
    """Return the query of an app's receivers (see ``MessageDestination.receivers``)."""
    name = app.replace("'", "''")
    return (
        "select segment_code, customer_id, customer_id as receiver_id, app as sender, openid as receiver, "  # noqa: S608
        f"added_at, value_fen from activation.act_wechat__receivers where app = '{name}'"
    )
