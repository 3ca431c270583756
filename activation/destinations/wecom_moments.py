"""WeCom moments to customers (客户朋友圈): one task for all staff, seen by who carries the segment's own tag.

The platform takes no list of customers, only tags. So the segment must go to ``wecom_tags`` too, and before a moment is
created everybody who carries the tag is compared with the plan: somebody more, and nothing is published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from activation.contracts import (
    MEMBER_GONE,
    RELATION_ENDED,
    Action,
    ActivationError,
    Change,
    Channel,
    DestinationStoppedError,
    Order,
    Outcome,
    PayloadError,
    Receipt,
    Segment,
)
from activation.messages.base import Batch, MessageDestination
from activation.messages.content import Words
from activation.messages.pages import between, pages
from activation.messages.record import Sent
from activation.messages.wecom_words import mark_of, message_body
from activation.wecom_client import WecomRefusedError
from activation.wecom_contacts import relations_with_tags

_BASE = "externalcontact/"
_JOB = "job:"
_DONE = 3
_LONGEST = dt.timedelta(days=29)


class WecomMoments(MessageDestination):
    """The destination ``wecom_moments``; a row is a relation, since each of a customer's staff publishes."""

    name = "wecom_moments"
    channel = Channel.WECOM
    most_per_call = 100_000
    receivers = (
        "select segment_code, customer_id, userid || ':' || external_userid as receiver_id, userid as sender, "
        "external_userid as receiver, cast(null as timestamp) as added_at, 0 as value_fen "
        "from activation.act_wecom__segment_tags"
    )

    def check(self, segment: Segment) -> None:
        """Raise PayloadError unless the segment's tag is there to aim with."""
        super().check(segment)
        if "wecom_tags" not in segment.destinations:
            raise PayloadError(
                f"segment {segment.code!r} goes to wecom_moments, which are seen by who carries its tag: "
                "let it go to wecom_tags too"
            )

    def call_of(self, change: Change) -> tuple[str, ...]:
        """One call for all staff: the tag says who sees it."""
        return tuple(str(change.values[name]) for name in ("touch_code", "occasion", "content_digest"))

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Find the segment's tag."""
        super().prepare(order, counts)
        self._tag_id = self._find_tag(order.segment)

    def post(self, batch: Batch, words: Words) -> list[Receipt]:
        """add_moment_task: a job, whose moment is known later."""
        self._refuse_others(batch)
        senders = sorted({str(each.values["sender"]) for each in batch.changes})
        body = {
            **message_body(words, batch.batch_id),
            "visible_range": {
                "sender_list": {"user_list": senders},
                "external_contact_list": {"tag_list": [self._tag_id]},
            },
        }
        answer = self.client.post_message(f"{_BASE}add_moment_task", body)
        job = _JOB + str(answer["jobid"])
        return [
            Receipt(each.row_key, Outcome.WAITING, "0", None, "waiting for staff", job)
            for each in batch.changes
        ]

    def find(
        self, batches: Sequence[Batch], since: dt.datetime, until: dt.datetime, taken: set[str]
    ) -> dict[str, list[str]]:
        """get_moment_list: by the mark in the link."""
        found: dict[str, list[str]] = {}
        body, path = {"filter_type": 0, "limit": 20}, f"{_BASE}get_moment_list"
        made = between(self.client, path, body, "moment_list", "moment_id", since, until, _LONGEST)
        shown = [each for each in made if mark_of(each)]
        for each in sorted(shown, key=lambda each: int(each["create_time"])):
            found.setdefault(str(mark_of(each)), []).append(str(each["moment_id"]).strip())
        return found

    def results(self, reference: str, rows: Sequence[Sent]) -> Iterator[Receipt]:
        """get_moment_task and get_moment_send_result: who published, and which customers can see it."""
        if reference.startswith(_JOB):
            yield from self._of_job(reference.removeprefix(_JOB), rows)
            return
        published = {
            str(each["userid"]).strip()
            for each in pages(self.client, f"{_BASE}get_moment_task", {"moment_id": reference}, "task_list")
            if int(each["publish_status"])
        }
        for userid in sorted(published & {str(row.change.values["sender"]) for row in rows}):
            body = {"moment_id": reference, "userid": userid, "limit": 5000}
            sees = {
                str(each["external_userid"]).strip()
                for each in pages(self.client, f"{_BASE}get_moment_send_result", body, "customer_list")
            }
            for row in rows:
                if row.change.values["sender"] != userid:
                    continue
                key = row.change.row_key
                if row.change.values["receiver"] in sees:
                    yield Receipt(key, Outcome.SENT, "1", "ok", None, reference)
                else:
                    yield Receipt(key, Outcome.REFUSED, "1", RELATION_ENDED, "she cannot see it", reference)

    def cancel(self, reference: str) -> None:
        """cancel_moment_task: whoever did not publish cannot any more."""
        if not reference.startswith(_JOB):
            self.client.post(f"{_BASE}cancel_moment_task", {"moment_id": reference}, safe=True)

    def names_message(self, reference: str) -> bool:
        """Whether the moment of the job is known."""
        return not reference.startswith(_JOB)

    def _of_job(self, job_id: str, rows: Sequence[Sent]) -> Iterator[Receipt]:
        """Exchange the job for its moment; a job older than a day is known by the mark."""
        try:
            answer = self.client.get(f"{_BASE}get_moment_task_result", {"jobid": job_id})
        except WecomRefusedError:
            known = rows[0].intended_at
            found = self.find([], known - dt.timedelta(hours=1), known + dt.timedelta(days=2), set())
            for moment_id in found.get(rows[0].batch_id, [])[:1]:
                yield from self._moved(moment_id, rows)
            return
        if int(answer.get("status", 0)) != _DONE:
            return
        result = answer.get("result") or {}
        if int(result.get("errcode", 0)):
            for row in rows:
                code, why = str(result["errcode"]), str(result.get("errmsg", ""))
                yield Receipt(row.change.row_key, Outcome.REFUSED, code, "needs_person", why)
            return
        gone = {str(each) for each in (result.get("invalid_sender_list") or {}).get("user_list") or []}
        yield from self._moved(str(result["moment_id"]).strip(), rows, gone)

    def _moved(self, moment_id: str, rows: Sequence[Sent], gone: set[str] | None = None) -> Iterator[Receipt]:
        for row in rows:
            if row.change.values["sender"] in (gone or ()):
                yield Receipt(
                    row.change.row_key, Outcome.REFUSED, "invalid_sender", MEMBER_GONE, None, moment_id
                )
            else:
                yield Receipt(row.change.row_key, Outcome.WAITING, "0", None, "waiting for staff", moment_id)

    def _find_tag(self, segment: Segment) -> str:
        answer = self.client.post(f"{_BASE}get_corp_tag_list", {}, safe=True)
        for group in answer.get("tag_group", []):
            for tag in group.get("tag", []):
                if (group["group_name"], tag["name"]) == (segment.tag_group_name, segment.tag_name):
                    return str(tag["id"])
        raise ActivationError(
            f"WeCom has no tag {segment.tag_name!r} in {segment.tag_group_name!r}: apply the segment's wecom_tags first"
        )

    def _refuse_others(self, batch: Batch) -> None:
        """Whoever carries the tag sees it: nobody may who is not in the plan (held out, said no, left)."""
        planned = {(str(each.values["sender"]), str(each.values["receiver"])) for each in batch.changes}
        others = [
            (userid, external)
            for userid, external, tags in relations_with_tags(self.client)
            if self._tag_id in tags and (userid, external) not in planned
        ]
        if others:
            raise DestinationStoppedError(
                f"{len(others)} relations carry the tag and are not in the plan (first: {others[0][1]}); "
                "nothing was published: apply the segment's wecom_tags, then plan again"
            )
