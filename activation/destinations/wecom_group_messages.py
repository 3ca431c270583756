"""WeCom messages to customer groups (客户群群发): one task per owner and words.

A group message reaches everybody in the group. So a group with one held-out member of the segment, or with one who
said no, gets none.
"""

from __future__ import annotations

from typing import Any

from activation.messages.base import Batch
from activation.messages.wecom_tasks import WecomTasks


class WecomGroupMessages(WecomTasks):
    """The destination ``wecom_group_messages``; a row is a group, and stands where customers stand elsewhere.

    Of the month's allowance the groups with most members of the segment get theirs first.
    """

    name = "wecom_group_messages"
    chat_type = "group"
    receiver_field = "chat_id"
    most_per_call = 2000
    to_groups = True
    receivers = (
        "select segment_code, chat_id as customer_id, chat_id as receiver_id, owner_userid as sender, "
        "chat_id as receiver, cast(null as timestamp) as added_at, member_count as value_fen "
        "from activation.act_wecom__group_receivers"
    )

    def receivers_body(self, batch: Batch) -> dict[str, Any]:
        """Groups of one owner, so that she need not choose."""
        return {"chat_id_list": batch.receivers}
