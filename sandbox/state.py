"""What others changed in the sandbox: tags added to the library and marks put on relations, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from sandbox.contacts import Relation, Tag
from sandbox.people import opaque
from sandbox.sent_tasks import SentTasks
from sandbox.world import World

_SCHEMA = """
create table if not exists facts (name text primary key, value text not null);
create table if not exists tags (
    tag_id text primary key, name text not null, group_id text not null, group_name text not null,
    created_at integer not null, position integer not null);
create table if not exists marks (
    userid text not null, external_userid text not null, tag_id text not null, present integer not null,
    primary key (userid, external_userid, tag_id));
"""


class WrongStateError(RuntimeError):
    """The state folder belongs to another world."""


class SandboxState:
    """The tag library and the marks of one world; survives a restart of the sandbox.

    Raises:
        WrongStateError: ``folder`` holds the state of a world with other options.
    """

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "sandbox.sqlite"
        self._seed = world.options.seed
        self._db = sqlite3.connect(path, check_same_thread=False)
        # A lost last mark after a power cut is nothing to a sandbox; a slow disk is.
        self._db.execute("pragma synchronous = off")
        self._db.executescript(_SCHEMA)
        self._claim(world, path)
        self.tags: dict[str, Tag] = {tag.tag_id: tag for tag in world.tags}
        for row in self._db.execute(
            "select tag_id, name, group_id, group_name, created_at, position from tags"
        ):
            self.tags[row[0]] = Tag(*row)
        self.sent = SentTasks(self._db, self._seed)
        self._marks: dict[tuple[str, str], dict[str, bool]] = {}
        for userid, external, tag_id, present in self._db.execute("select * from marks order by rowid"):
            self._marks.setdefault((userid, external), {})[tag_id] = bool(present)

    def _claim(self, world: World, path: Path) -> None:
        options = asdict(world.options)
        if not options["crowd"]:
            del options["crowd"]  # state of before there were crowds
        mine = json.dumps(options, sort_keys=True)
        found = self._db.execute("select value from facts where name = 'world'").fetchone()
        if found is None:
            with self._db:
                self._db.execute("insert into facts values ('world', ?)", (mine,))
        elif found[0] != mine:
            self._db.close()
            raise WrongStateError(
                f"{path}: expected the state of world {mine}, got that of {found[0]}; "
                "start the sandbox with those options or give it another state folder"
            )

    def tags_of(self, relation: Relation) -> list[str]:
        """Return the corporate tag ids that a relation carries now."""
        marks = self._marks.get((relation.userid, relation.person.external_userid), {})
        kept = [tag_id for tag_id in relation.tag_ids if marks.get(tag_id, True)]
        return kept + [tag_id for tag_id, present in marks.items() if present and tag_id not in kept]

    def mark(self, userid: str, external_userid: str, add: list[str], remove: list[str]) -> None:
        """Add and remove tags of one relation; doing it twice changes nothing more."""
        changes = [(tag_id, True) for tag_id in add] + [(tag_id, False) for tag_id in remove]
        with self._db:
            self._db.executemany(
                "insert or replace into marks values (?, ?, ?, ?)",
                [(userid, external_userid, tag_id, int(present)) for tag_id, present in changes],
            )
        self._marks.setdefault((userid, external_userid), {}).update(changes)

    def group_named(self, name: str) -> str | None:
        """Return the id of the tag group with this name."""
        return next((tag.group_id for tag in self.tags.values() if tag.group_name == name), None)

    def add_tags(
        self, group_id: str | None, group_name: str, names: list[tuple[str, int]], at: int
    ) -> list[Tag]:
        """Add (name, order) tags to a group, made when ``group_id`` is None; ``at`` is a unix second."""
        group = group_id or "et" + opaque(20, self._seed, "made group", group_name)
        new = [
            Tag("et" + opaque(20, self._seed, "made tag", group, name), name, group, group_name, at, order)
            for name, order in names
        ]
        with self._db:
            self._db.executemany(
                "insert into tags values (?, ?, ?, ?, ?, ?)",
                [(t.tag_id, t.name, t.group_id, t.group_name, t.created_at, t.order) for t in new],
            )
        self.tags.update({tag.tag_id: tag for tag in new})
        return new

    def close(self) -> None:
        """Close the file."""
        self._db.close()
