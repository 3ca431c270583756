"""WeCom mass messages to customers (企业群发): one task per member of staff and words, one message per customer."""

from __future__ import annotations

from typing import Any

from activation.messages.base import Batch
from activation.messages.wecom_tasks import WecomTasks


class WecomMessages(WecomTasks):
    """The destination ``wecom_messages``. A customer with several staff gets it through the one the journey names."""

    name = "wecom_messages"
    chat_type = "single"
    receiver_field = "external_userid"
    most_per_call = 10_000
    receivers = (
        "select segment_code, customer_id, customer_id as receiver_id, userid as sender, "
        "external_userid as receiver, added_at, value_fen from activation.act_wecom__receivers"
    )

    def receivers_body(self, batch: Batch) -> dict[str, Any]:
        """Customers of one member of staff, by name."""
        return {"external_userid": batch.receivers}
