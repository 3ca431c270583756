"""Mass-message tasks of WeCom (企业群发), to customers or to groups: creating, finding again, asking for results.

Creating one only hands it to staff, who must press send; there is no read receipt.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from activation.contracts import (
    CAP_REACHED,
    RELATION_ENDED,
    Channel,
    Outcome,
    Receipt,
)
from activation.messages.base import Batch, MessageDestination
from activation.messages.content import Words
from activation.messages.pages import between, pages
from activation.messages.record import Sent
from activation.messages.wecom_words import mark_of, message_body, text_of
from activation.wecom_client import WecomRefusedError
from common.clock import UTC

_BASE = "externalcontact/"
_NOBODY_LEFT = 41048
_LONGEST = dt.timedelta(days=30)
_NOT_SENT, _SENT, _NO_FRIEND, _TOO_MANY = 0, 1, 2, 3
_TASK_SENT = 2


class WecomTasks(MessageDestination):
    """Base of the destinations that are mass-message tasks; ``chat_type`` is single or group."""

    channel = Channel.WECOM
    chat_type: str
    receiver_field: str
    """How a receiver is named in a result: external_userid, or chat_id."""

    @abstractmethod
    def receivers_body(self, batch: Batch) -> dict[str, Any]:
        """Return the part of the call that says who gets it."""

    def post(self, batch: Batch, words: Words) -> list[Receipt]:
        """add_msg_template: who is not in ``fail_list`` waits for staff."""
        body = {
            "chat_type": self.chat_type,
            "sender": batch.sender,
            **self.receivers_body(batch),
            **message_body(words, batch.batch_id),
        }
        try:
            answer = self.client.post_message(f"{_BASE}add_msg_template", body)
        except WecomRefusedError as error:
            if error.code != _NOBODY_LEFT:
                raise
            return [self._nobody(each.row_key, str(error.code)) for each in batch.changes]
        failed = {str(each) for each in answer.get("fail_list") or []}
        msgid = str(answer["msgid"])
        return [
            self._nobody(each.row_key, "fail_list")
            if each.values["receiver"] in failed
            else Receipt(each.row_key, Outcome.WAITING, "0", None, "waiting for staff", msgid)
            for each in batch.changes
        ]

    def find(
        self, batches: Sequence[Batch], since: dt.datetime, until: dt.datetime, taken: set[str]
    ) -> dict[str, list[str]]:
        """get_groupmsg_list_v2: by mark; without one, same words, same staff, and one of the same receivers."""
        found: dict[str, list[str]] = {}
        unmarked = [each for each in batches if not self.words_of(each.changes[0]).can_be_marked]
        body = {"chat_type": self.chat_type, "filter_type": 0, "limit": 100}  # what apps created, not staff
        path = f"{_BASE}get_groupmsg_list_v2"
        made = between(self.client, path, body, "group_msg_list", "msgid", since, until, _LONGEST)
        for shown in sorted(made, key=lambda each: int(each["create_time"])):
            msgid, mark = str(shown["msgid"]), mark_of(shown)
            if mark:
                found.setdefault(mark, []).append(msgid)
            elif msgid not in taken:
                for batch in unmarked:
                    if text_of(shown) == self.words_of(batch.changes[0]).text:
                        self._judge(msgid, batch, found)
        return found

    def results(self, reference: str, rows: Sequence[Sent]) -> Iterator[Receipt]:
        """get_groupmsg_task and get_groupmsg_send_result: what each receiver got, once staff pressed send."""
        sender = str(rows[0].change.values["sender"])
        tasks = {
            str(each["userid"]): int(each["status"])
            for each in pages(self.client, f"{_BASE}get_groupmsg_task", {"msgid": reference}, "task_list")
        }
        was_sent = tasks.get(sender) == _TASK_SENT
        got = {str(each.get(self.receiver_field)): each for each in self._sends(reference, sender)}
        for row in rows:
            shown = got.get(str(row.change.values["receiver"]))
            receipt = self._receipt(row.change.row_key, shown, reference, was_sent=was_sent)
            if receipt is not None:
                yield receipt

    def cancel(self, reference: str) -> None:
        """cancel_groupmsg_send: whoever did not press send cannot any more."""
        self.client.post(f"{_BASE}cancel_groupmsg_send", {"msgid": reference}, safe=True)

    def _sends(self, msgid: str, userid: str) -> Iterator[dict[str, Any]]:
        body = {"msgid": msgid, "userid": userid}
        return pages(self.client, f"{_BASE}get_groupmsg_send_result", body, "send_list")

    def _judge(self, msgid: str, batch: Batch, found: dict[str, list[str]]) -> None:
        """Enter a message without mark that went to one of a batch's receivers through the same member of staff."""
        wanted = set(batch.receivers)
        try:
            if any(str(each.get(self.receiver_field)) in wanted for each in self._sends(msgid, batch.sender)):
                found.setdefault(batch.batch_id, []).append(msgid)
        except WecomRefusedError as error:
            if error.code_class != "not_ready":
                raise
            found.setdefault(batch.batch_id, [])  # it is being handed out: nobody can say yet whose it is

    def _receipt(
        self, row_key: str, shown: dict[str, Any] | None, reference: str, *, was_sent: bool
    ) -> Receipt | None:
        if shown is None:
            # Groups are shown once they got it; a customer who is not shown was not taken on at creation.
            return self._nobody(row_key, "not listed") if was_sent else None
        status = int(shown["status"])
        if status == _SENT:
            at = int(shown.get("send_time") or 0)
            sent_at = dt.datetime.fromtimestamp(at, UTC) if at else None
            return Receipt(row_key, Outcome.SENT, str(status), "ok", None, reference, sent_at)
        if status == _NO_FRIEND:
            return Receipt(
                row_key, Outcome.REFUSED, str(status), RELATION_ENDED, "not a friend any more", reference
            )
        if status == _TOO_MANY:
            why = "she got as many mass messages as the platform lets her"
            return Receipt(row_key, Outcome.REFUSED, str(status), CAP_REACHED, why, reference)
        if status != _NOT_SENT:
            why = f"status {status} is not known"
            return Receipt(row_key, Outcome.REFUSED, str(status), "needs_person", why, reference)
        return None

    def _nobody(self, row_key: str, code: str) -> Receipt:
        return Receipt(
            row_key, Outcome.REFUSED, code, RELATION_ENDED, "cannot be reached through this member of staff"
        )
