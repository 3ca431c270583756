"""The shared pace: how many calls pass, together, in whatever process, and that nobody passes a block."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from common.settings import PROJECT_ROOT
from ingestion.pace import Pace, pace_of, rates_of


class Clock:
    """Time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


def pace(clock: Clock, per_minute: int = 600, per_hour: int = 150_000, path: Path | None = None) -> Pace:
    return Pace(rates_of(per_minute, per_hour), path, now=clock, sleep=clock.sleep)


def most_in(times: list[float], seconds: float) -> int:
    """The most calls in any span of so many seconds."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(
    ("per_minute", "per_hour"), [(600, 150_000), (10_000, 150_000), (7, 150_000), (60, 600)]
)
def test_no_minute_and_no_hour_holds_more_than_the_limit(per_minute: int, per_hour: int) -> None:
    clock, times = Clock(), []
    limited = pace(clock, per_minute, per_hour)
    for _ in range(min(per_minute * 3, 25_000)):
        limited.wait()
        times.append(clock.now)
    assert most_in(times, 60) <= per_minute
    assert most_in(times, 3600) <= per_hour
    # Nor is it much slower than allowed.
    assert clock.slept <= 1.2 * max(3 * 60, 3 * per_minute / per_hour * 3600)


def test_two_who_share_a_file_share_the_pace(tmp_path: Path) -> None:
    clock = Clock()
    one, two = (pace(clock, 600, path=tmp_path / "x.pace") for _ in range(2))
    for _ in range(300):
        one.wait()
        two.wait()
    # 600 calls, of which a tenth came at once and the others at nine a second.
    assert clock.slept == pytest.approx(540 / 9, rel=0.02)


def test_a_block_holds_everybody_for_its_time(tmp_path: Path) -> None:
    clock = Clock()
    one, two = (pace(clock, path=tmp_path / "x.pace") for _ in range(2))
    one.wait()
    one.block(61.0)
    two.wait()
    assert clock.slept == pytest.approx(61, abs=0.2)
    one.block(3601.0)
    two.block(61.0)  # a shorter one does not shorten it
    two.wait()
    assert clock.slept == pytest.approx(61 + 3601, abs=0.5)


def test_a_block_holds_other_apis_not(tmp_path: Path) -> None:
    pace_of(tmp_path, "ww1", "/a/b", 600, 9999).block(600)
    began = time.monotonic()
    pace_of(tmp_path, "ww1", "/a/c", 600, 9999).wait()
    pace_of(tmp_path, "ww2", "/a/b", 600, 9999).wait()
    assert time.monotonic() - began < 1
    assert len(list(tmp_path.iterdir())) == 2 + 1
    assert not [path for path in tmp_path.iterdir() if "ww" in path.name]


def test_a_state_from_a_wrong_clock_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    clock.now += 30 * 86_400
    pace(clock, path=tmp_path / "x.pace").block(61)
    clock.now -= 30 * 86_400
    pace(clock, path=tmp_path / "x.pace").wait()
    assert clock.slept == 0


def test_a_torn_file_counts_as_new(tmp_path: Path) -> None:
    (tmp_path / "x.pace").write_bytes(b"\x01")
    clock = Clock()
    pace(clock, path=tmp_path / "x.pace").wait()
    assert clock.slept == 0


def test_processes_and_threads_together_keep_to_one_pace(tmp_path: Path) -> None:
    """Real time, real processes: five threads in three of them want 500 calls of 3,000 a minute."""
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from ingestion.pace import pace_of\n"
        "pace = pace_of(Path(sys.argv[1]), 'ww1', '/x', 3000, 10**6)\n"
        "def work():\n"
        "    for _ in range(100): pace.wait()\n"
        "threads = [threading.Thread(target=work) for _ in range(2)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
    )
    limited = pace_of(tmp_path, "ww1", "/x", 3000, 10**6)
    began = time.monotonic()
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=PROJECT_ROOT) for _ in range(2)
    ]
    mine = threading.Thread(target=lambda: [limited.wait() for _ in range(100)])
    mine.start()
    mine.join()
    assert [child.wait(60) for child in children] == [0, 0]
    # 300 at once, 200 more at 45 a second.
    assert time.monotonic() - began > 200 / 45 - 0.2


def test_waiting_costs_little(tmp_path: Path) -> None:
    """A call takes about a millisecond of this process; the lock must stay below a twentieth of it."""
    free = Pace(rates_of(10**9, 10**12), tmp_path / "x.pace")
    began = time.process_time()
    for _ in range(5_000):
        free.wait()
    assert (time.process_time() - began) / 5_000 < 50e-6
