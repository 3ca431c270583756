"""Mass messages and moments that clients created in the sandbox, in its SQLite file; a restart keeps them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.people import opaque

SCHEMA = """
create table if not exists sent_tasks (
    task_id text primary key, kind text not null, created_at integer not null, content text not null,
    receivers text not null, cancelled_at integer);
create table if not exists subscription_uses (openid text not null, template_id text not null, at integer not null);
"""


@dataclass
class SentTask:
    """One mass message or moment of a client. ``receivers`` are external_userids or chat_ids by member of staff."""

    task_id: str
    kind: str
    created_at: int
    content: Mapping[str, Any]
    receivers: dict[str, list[str]]
    cancelled_at: int | None = None

    @property
    def job_id(self) -> str:
        return "job" + self.task_id


@dataclass
class SentTasks:
    """All of them, in the order of creation, and what was used of subscriptions."""

    db: sqlite3.Connection
    seed: int
    tasks: dict[str, SentTask] = field(default_factory=dict)
    subscription_uses: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.db.executescript(SCHEMA)
        for row in self.db.execute("select * from sent_tasks order by rowid"):
            task_id, kind, created_at, content, receivers, cancelled_at = row
            self.tasks[task_id] = SentTask(
                task_id, kind, created_at, json.loads(content), json.loads(receivers), cancelled_at
            )
        self.subscription_uses = list(
            self.db.execute("select openid, template_id, at from subscription_uses order by rowid")
        )

    def create(
        self, kind: str, at: int, content: Mapping[str, Any], receivers: dict[str, list[str]]
    ) -> SentTask:
        """Keep a task; ``at`` is a unix second."""
        prefix = "mom" if kind == "moment" else "msg"
        task = SentTask(
            prefix + opaque(30, self.seed, "made by a client", len(self.tasks)), kind, at, content, receivers
        )
        with self.db:
            self.db.execute(
                "insert into sent_tasks values (?, ?, ?, ?, ?, null)",
                (task.task_id, kind, at, json.dumps(content), json.dumps(receivers)),
            )
        self.tasks[task.task_id] = task
        return task

    def cancel(self, task: SentTask, at: int) -> None:
        """Take a task back: whoever did not send it by then never will."""
        with self.db:
            self.db.execute("update sent_tasks set cancelled_at = ? where task_id = ?", (at, task.task_id))
        task.cancelled_at = at

    def use_subscription(self, openid: str, template_id: str, at: int) -> None:
        """Take one message off a user's subscriptions."""
        with self.db:
            self.db.execute("insert into subscription_uses values (?, ?, ?)", (openid, template_id, at))
        self.subscription_uses.append((openid, template_id, at))
