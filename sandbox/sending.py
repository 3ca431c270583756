"""What becomes of the messages that clients create: when staff press send, who gets it, who cannot any more.

As of the desk's present second; the same at every question. The same rules as for the world's own messages, but for
the platform's limit on each receiver, which is counted here.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from sandbox.chance import between, share
from sandbox.contacts import DAY
from sandbox.desk import Desk
from sandbox.outbound import HANDED_OUT_WITHIN, NO_FRIEND, NOT_SENT, SENT, TOO_MANY
from sandbox.sent_tasks import SentTask

_PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")


class Sending:
    """The life of clients' messages on one desk. Times are unix seconds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seed = desk.world.options.seed

    @property
    def tasks(self) -> dict[str, SentTask]:
        return self._desk.state.sent.tasks

    def of_kind(self, *kinds: str) -> list[SentTask]:
        """Return the tasks of these kinds that were created by now."""
        return [
            each for each in self.tasks.values() if each.kind in kinds and each.created_at <= self._desk.now
        ]

    def is_handed_out(self, task: SentTask) -> bool:
        """Return whether the platform tells of its tasks and results."""
        return self._desk.now - task.created_at >= HANDED_OUT_WITHIN

    def sent_at(self, task: SentTask, userid: str) -> int | None:
        """Return when a member of staff pressed send, None when that has not happened, or never will."""
        pair = (self._seed, task.task_id, userid)
        patience = share("sends", *pair)
        if userid not in task.receivers or patience >= 0.88:
            return None
        late = patience >= 0.75
        delay = between(DAY, 4 * DAY, "late", *pair) if late else between(3 * 60, 9 * 3600, "soon", *pair)
        at = task.created_at + delay
        if at > self._desk.now or (task.cancelled_at is not None and at > task.cancelled_at):
            return None
        return at

    def statuses(self, task: SentTask, userid: str) -> dict[str, tuple[int, int | None]]:
        """Return (status, second of delivery) by receiver of one member of staff's part of a mass message."""
        sent = self.sent_at(task, userid)
        receivers = task.receivers.get(userid, [])
        if sent is None:
            return {receiver: (NOT_SENT, None) for receiver in receivers}
        found: dict[str, tuple[int, int | None]] = {}
        limited = self._delivered(receivers, task.kind)
        for receiver in receivers:
            if task.kind == "single" and not self._is_friend(userid, receiver, sent):
                found[receiver] = (NO_FRIEND, None)
            elif (task.task_id, userid, receiver) not in limited:
                found[receiver] = (TOO_MANY, None)
            else:
                found[receiver] = (SENT, sent)
        return found

    def deliveries(self, kind: str) -> list[tuple[str, str, int, str]]:
        """Return (receiver, userid, second, task_id) of everything that arrived by now, in the order of arrival."""
        found = [
            (receiver, userid, at, task.task_id)
            for task in self.of_kind(kind)
            for userid in task.receivers
            for receiver, (status, at) in self.statuses(task, userid).items()
            if status == SENT and at is not None
        ]
        return sorted(found, key=lambda each: (each[2], each[3]))

    def sees_moment(self, task: SentTask, userid: str) -> list[str]:
        """Return who can see a member of staff's part of a moment; nobody before it is published."""
        sent = self.sent_at(task, userid)
        if sent is None:
            return []
        return [each for each in task.receivers[userid] if self._is_friend(userid, each, sent)]

    def _is_friend(self, userid: str, external_userid: str, at: int) -> bool:
        relation = self._desk.view.relation.get((userid, external_userid))
        return relation is not None and (relation.left_at is None or relation.left_at >= at)

    def _delivered(self, receivers: Iterable[str], kind: str) -> set[tuple[str, str, str]]:
        """Return (task_id, userid, receiver) of what the monthly limit of each receiver lets through."""
        wanted, attempts = set(receivers), defaultdict(list)
        for task in self.of_kind(kind):
            for userid, asked in task.receivers.items():
                sent = self.sent_at(task, userid)
                if sent is None:
                    continue
                for receiver in wanted.intersection(asked):
                    if kind != "single" or self._is_friend(userid, receiver, sent):
                        attempts[receiver].append((sent, task.task_id, userid))
        through: set[tuple[str, str, str]] = set()
        for receiver, sends in attempts.items():
            used: dict[tuple[int, int], int] = defaultdict(int)
            for sent, task_id, userid in sorted(sends):
                day = dt.datetime.fromtimestamp(sent, _PLATFORM_ZONE)
                month = (day.year, day.month)
                if used[month] < self._most_in(month):
                    used[month] += 1
                    through.add((task_id, userid, receiver))
        return through

    def _most_in(self, month: tuple[int, int]) -> int:
        """As many messages as the month has days, or what the administrator set."""
        return self._desk.messages_per_month or calendar.monthrange(*month)[1]
