"""A home whose daily job is run as a program of its own, put back and compared: what the kill proofs need."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import duckdb

from common.settings import Settings
from common.warehouse import connect, writer_lock
from orchestration.home import open_instance
from sandbox.view import View
from sandbox.world import WorldOptions, build_world
from tests.exactness.dbt_home import differing_rows
from tests.flows import killed_run
from tests.flows.small_home import OrderRow, drop_orders, environment, query, sandbox_here, settings_for

WORLD = WorldOptions(seed=23, buyers=40, extra_people=20, shop_orders=60)
FIRST_DAY, SECOND_DAY = dt.date(2017, 6, 30), dt.date(2017, 7, 20)
# Plan ids and instants differ from run to run; what was sent is compared apart. Verdicts have their instants.
NOT_COMPARED = {"sync_log", "sync_runs", "destination_state", "gate_verdicts"}
# Versions of what carries our tags, and when they were loaded. What is made of them is compared in any case.
SEEN_AGAIN = {
    "staging.stg_wecom__contacts",
    "staging.stg_wecom__corp_tags",
    "staging.stg_wecom__relation_tags",
    "intermediate.int_identity__links",
    "intermediate.int_identity__record_identifiers",
    "marts.customer_attributes",
}


class KillableHome:
    """One home and its sandbox in one folder. The second day is the one that gets killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self.settings: Settings = settings_for(
            folder / "home", business_timezone="America/New_York", first_day=dt.date(2017, 6, 15)
        )

    def live_first_day(self) -> None:
        """Run the first day, then let the second day's file of orders come in."""
        view = View(build_world(WORLD), FIRST_DAY)
        known = [
            relations[0].person.unionid
            for relations in view.of_contact.values()
            if relations[0].person.union_shown == "always"
        ][:6]
        silent = [
            OrderRow(f"a{n}", f"m{n}", "2017-05-02 12:00:00", "2600.50", unionid=u)
            for n, u in enumerate(known)
        ]
        drop_orders(self.settings, "first.csv", silent)
        with self.serving(FIRST_DAY) as url:
            self.run(url, FIRST_DAY)
        news = [
            OrderRow("a0", "m0", "2017-05-02 12:00:00", "1.00"),  # corrected: she was never of high value
            OrderRow("late", "m1", "2017-03-01 12:00:00", "77.00"),
            *(OrderRow(f"n{n}", "m2", f"2017-07-{n:02d} 09:00:00", "10.00") for n in (3, 9, 18)),
            OrderRow("broken", "m3", "no day at all", "5.00"),
            *(OrderRow(f"x{n}", f"new{n}", "2017-04-11 10:00:00", "9000.00") for n in range(5)),
        ]
        drop_orders(self.settings, "second.csv", news)

    # -- running -------------------------------------------------------------------------------------------

    @contextmanager
    def serving(self, day: dt.date) -> Iterator[str]:
        """Serve the sandbox with the marks it has, as of a day."""
        with sandbox_here(WORLD, self.folder / "sandbox", day) as (url, _):
            yield url

    def start(self, url: str, day: dt.date = SECOND_DAY, point: str | None = None) -> ForkServerProcess:
        """Start the daily job in a process of its own."""
        self._dbt_log.unlink(missing_ok=True)
        return killed_run.start(day, point, environment(self.settings, url), self.folder / "said.txt")

    def run(self, url: str, day: dt.date = SECOND_DAY) -> None:
        """Run a day to its end."""
        assert exit_code(self.start(url, day)) == 0, self.said()

    def said(self) -> str:
        """What the last run printed, its end."""
        files = [self.folder / "said.txt", self.settings.home / "logs" / "siyu-run.log"]
        return "\n".join(path.read_text()[-3000:] for path in files if path.exists())

    @property
    def _dbt_log(self) -> Path:
        return self.settings.dbt_target_dir / "build" / "dbt.log"

    def built_by_dbt(self) -> set[str]:
        """Models that the dbt of the last run has built so far."""
        if not self._dbt_log.exists():
            return set()
        lines = [line for line in self._dbt_log.read_text().splitlines() if '"LogModelResult"' in line]
        return {json.loads(line)["data"]["node_info"]["node_name"] for line in lines if line.endswith("}")}

    # -- putting aside and back ----------------------------------------------------------------------------

    def put_aside(self, name: str) -> None:
        """Keep a copy of home and sandbox."""
        for each in ("home", "sandbox"):
            shutil.copytree(self.folder / each, self.folder / name / each, symlinks=True)

    def put_back(self, name: str) -> None:
        """Make home and sandbox what they were; at the same path, which dbt's parsed project depends on."""
        for each in ("home", "sandbox"):
            shutil.rmtree(self.folder / each)
            shutil.copytree(self.folder / name / each, self.folder / each, symlinks=True)

    # -- what is left, what came out -----------------------------------------------------------------------

    def assert_nothing_left_behind(self) -> None:
        """After a kill no lock is held, and readers still have the copy of the first day."""
        with writer_lock(self.settings):
            if self.settings.warehouse_path.exists():
                connect(self.settings.warehouse_path).close()
        assert self._manifest("home") == self._manifest("evening/home")
        assert query(self._current("home") / "siyu.duckdb", "select count(*) from orders")[0][0] > 0

    def assert_as_undisturbed(self, *, killed: int | None, sent_before: bool) -> None:
        """The home is what it is without a kill: tables with their ids, published copy, what was sent where.

        ``sent_before``: a killed run may have sent tags, which the next one then sees at the platform.
        """
        differing = {name for name, count in self.differing_tables().items() if count}
        allowed = SEEN_AGAIN if sent_before else set()
        assert not differing - allowed
        published = {name.removesuffix(".parquet") for name in self.published_differences()}
        unlike = {name for name in published if f"marts.{name}" not in allowed}
        assert not unlike
        assert self.sent() == self.sent("undisturbed")
        assert self.platform() == self.platform("undisturbed")
        assert self.exports() == self.exports("undisturbed")
        assert self.last_build() == (SECOND_DAY, "complete")
        assert not list(self.settings.published_dir.glob(".*")), "half a copy was left"
        statuses = self.run_statuses()
        assert set(statuses) <= {"SUCCESS", "FAILURE"}
        assert killed is None or statuses.count("FAILURE") == killed
        self.assert_lock_free()

    def assert_lock_free(self) -> None:
        """Nobody holds the home."""
        with writer_lock(self.settings):
            connect(self.settings.warehouse_path).close()

    def differing_tables(self) -> dict[str, int]:
        """Rows of the warehouse, per table, that are not in both."""
        return differing_rows(self.folder / "undisturbed/home/warehouse.duckdb", self.settings.warehouse_path)

    def published_differences(self) -> dict[str, int]:
        """Rows of the published tables that are not in both copies."""
        left, right = self._current("undisturbed/home"), self._current("home")
        names = sorted(path.name for path in left.glob("*.parquet"))
        assert names == sorted(path.name for path in right.glob("*.parquet"))
        found = {}
        with closing(duckdb.connect()) as db:
            for name in names:
                one, two = f"from '{left / name}'", f"from '{right / name}'"
                both = f"select count(*) from (({one} except all {two}) union all ({two} except all {one}))"
                count = db.execute(both).fetchall()[0][0]
                if count and name.removesuffix(".parquet") not in NOT_COMPARED:
                    found[name] = count
        return found

    def sent(self, name: str = "") -> list[tuple[Any, ...]]:
        """What the published log says: rows sent, each once however often tried; and all that is unclear."""
        rows = query(
            self._current(f"{name}/home") / "siyu.duckdb",
            "select distinct segment_code, destination, action, row_key, customer_id, outcome from sync_log "
            "where outcome <> 'not_sent' order by all",
        )
        assert rows
        return rows

    def platform(self, name: str = "") -> list[tuple[Any, ...]]:
        """Tags and marks as the platform has them."""
        with closing(sqlite3.connect(self.folder / name / "sandbox" / "sandbox.sqlite")) as db:
            tags = db.execute("select tag_id, name, group_name from tags order by 1").fetchall()
            return [*tags, *db.execute("select * from marks order by 1, 2, 3").fetchall()]

    def exports(self, name: str = "") -> dict[str, bytes]:
        """Files handed over, whole and half."""
        folder = self.folder / name / "home" / "exports"
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    def last_build(self) -> tuple[dt.date, str]:
        """(as_of, state) of the newest dbt run."""
        return query(
            self.settings.warehouse_path, "select as_of, state from meta.run_log order by run_no desc limit 1"
        )[0]

    def run_statuses(self) -> list[str]:
        """How each run of the second day ended, as Dagster has it."""
        with open_instance(self.settings) as instance:
            runs = instance.get_runs()
        return [
            run.status.value for run in runs if run.tags.get("dagster/partition") == SECOND_DAY.isoformat()
        ]

    def _current(self, home: str) -> Path:
        return (self.folder / home.removeprefix("/") / "published" / "current").resolve()

    def _manifest(self, home: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self._current(home) / "manifest.json").read_text())
        return content


def exit_code(run: ForkServerProcess, seconds: float = 240.0) -> int | None:
    """Wait for a run to end; minus the signal when one ended it, None when it still runs."""
    run.join(timeout=seconds)
    return run.exitcode


def alive(pid: int) -> bool:
    """Whether a thread of a process still runs: the first may be gone while others hold the files open."""
    states = []
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.append(path.read_text().rpartition(")")[2].split()[0])
        except OSError:  # it ended just now
            continue
    return not set(states) <= {"Z", "X"}


def dbt_children(worker: int) -> list[int]:
    """Living dbt processes that a worker started; they name it in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
        if "orchestration.dbt_cli" in words and words[-1] == str(worker) and alive(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found
