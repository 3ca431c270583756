"""Killed hard anywhere, the next run gives the same answer, and nothing is left behind.

One home: its second day is run undisturbed once. Then the home is put back to the evening of its first day,
runs of the second day are killed during ingest, dbt, activation and publishing, and one is let through.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess

import pytest

from tests.flows.killable import SECOND_DAY, KillableHome, alive, dbt_children, exit_code
from tests.flows.small_home import wait_until

pytestmark = [
    pytest.mark.xdist_group("kill"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for dbt processes in /proc"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> KillableHome:
    home = KillableHome(tmp_path_factory.mktemp("kill"))
    home.live_first_day()
    home.put_aside("evening")
    with home.serving(SECOND_DAY) as url:
        started = time.monotonic()
        home.run(url)
        home.seconds = time.monotonic() - started
    home.put_aside("undisturbed")
    return home


# Where each run of a story is killed; the run after it has to cope with what it left. dbt's part comes first
# in the second story, so that a wrong recovery would stand in the warehouse to the end.
@pytest.mark.parametrize(
    "places",
    [("after_first_admission", "dbt_worker"), ("dbt_child", "before_first_receipt", "before_switch")],
    ids=lambda places: "-".join(places),
)
def test_kill__next_run_gives_the_same_answer(home: KillableHome, places: tuple[str, ...]) -> None:
    home.put_back("evening")
    with home.serving(SECOND_DAY) as url:
        for place in places:
            kill(home, url, place)
            home.assert_nothing_left_behind()
        home.run(url)
    home.assert_as_undisturbed(killed=len(places), sent_before="before_first_receipt" in places)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_kill__at_any_moment(home: KillableHome, seed: int) -> None:
    """Up to three runs in a row, each killed after a random time."""
    moments = random.Random(f"kill:{seed}")
    home.put_back("evening")
    with home.serving(SECOND_DAY) as url:
        for _ in range(moments.randint(1, 3)):
            worker = home.start(url)
            if exit_code(worker, moments.uniform(1.0, home.seconds)) is None:
                worker.kill()
                worker.join()
            wait_until(lambda worker=worker: not dbt_children(worker.pid), "the dbt child is gone", 2.0)
        home.run(url)
    home.assert_as_undisturbed(killed=None, sent_before=True)


def kill(home: KillableHome, url: str, place: str) -> None:
    """Run the second day and kill it at a place; returns when its processes are gone."""
    if place.startswith("dbt_"):
        worker = kill_in_dbt(home, url, place)
    else:
        worker = home.start(url, point=place)
        assert exit_code(worker) == -signal.SIGKILL, home.said()
    wait_until(lambda: not dbt_children(worker.pid), "the dbt child is gone", 2.0)


def kill_in_dbt(home: KillableHome, url: str, whom: str) -> ForkServerProcess:
    """Kill the run's worker, or only its dbt child, while dbt builds."""
    worker = home.start(url)
    # The worker dies early, so that a child that goes on without it would still be at work when we look.
    model = "stg_miniprogram__orders" if whom == "dbt_worker" else "fct_orders"
    wait_until(lambda: model in home.built_by_dbt() or not alive(worker.pid), f"dbt has built {model}", 240)
    children = dbt_children(worker.pid)
    assert len(children) == 1, home.said()
    if whom == "dbt_worker":
        os.kill(worker.pid, signal.SIGKILL)
        assert exit_code(worker, 10) == -signal.SIGKILL
        wait_until(lambda: not alive(children[0]), "the dbt child is gone", 2.0)
    else:
        os.kill(children[0], signal.SIGKILL)
        assert exit_code(worker) == 1, home.said()  # ends by itself, and says that it failed
    assert home.last_build()[1] == "open", "dbt came to its end: it was not killed in the middle"
    return worker


def test_kill__the_comparison_can_tell(home: KillableHome) -> None:
    """The evening before differs from the undisturbed second day in everything that is compared."""
    home.put_back("evening")
    assert any(home.differing_tables().values())
    assert home.published_differences()
    assert home.sent() != home.sent("undisturbed")
    assert home.platform() != home.platform("undisturbed")
    manifests = [
        home.folder / name / "home/published/current/manifest.json" for name in ("evening", "undisturbed")
    ]
    assert len({json.loads(path.read_text())["run_id"] for path in manifests}) == 2
