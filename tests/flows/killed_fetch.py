"""``python -m tests.flows.killed_fetch <home> <base url> <stream> <day>``: one stream, killed after every page.

A fresh process per kill, forked from this one, which holds no threads. Each child ends by ``os._exit`` right after
the answer in question was read, as SIGKILL would end it; the last one runs to the end. Prints the kills as JSON.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import stamina

from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS
from ingestion.fetch import default_window, fetch
from ingestion.http import Transport
from tests.flows.small_home import settings_for

KILLED = 9
BEFORE_ADMISSION = "before admission"
# Calls of one API that are more are details: one of each is as good as another, so every tenth.
MOST_PAGES = 60
EVERY = 10


def run(settings: Settings, stream_key: str, day: dt.date, answered: Callable[[str], None]) -> None:
    """Fetch and admit one stream; ``answered`` hears of each answer, and of the moment before admission."""
    real = Transport._answer

    def heard(self, path, response, stale_codes):
        answer = real(self, path, response, stale_codes)
        answered(path)
        return answer

    Transport._answer = heard
    lake, stream = Lake(settings.lake_dir), STREAMS[stream_key]
    window = default_window(settings, lake, stream, day) if stream.windowed else None
    with stamina.set_testing(True, attempts=4):
        arrivals = fetch(settings, lake, stream_key, window=window)
    answered(BEFORE_ADMISSION)
    for arrival in arrivals:
        lake.admit(arrival)


def child(work: Callable[[], None]) -> int:
    """Run in a process of its own and return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(home: Path, base_url: str, stream_key: str, day: dt.date) -> None:
    """Kill after every page, then let it run."""
    importlib.import_module("dlt")  # once, before the forks

    def settings(folder: Path) -> Settings:
        return settings_for(
            folder, base_url, business_timezone="America/New_York", first_day=dt.date(day.year, 1, 1)
        )

    counted = home.with_name("counted.json")

    def count() -> None:
        calls: Counter[str] = Counter()
        lock = threading.Lock()

        def answered(path: str) -> None:
            with lock:
                calls[path] += 1

        run(settings(home.with_name("counting")), stream_key, day, answered)
        counted.write_text(json.dumps(calls))

    if before := STREAMS[stream_key].after:  # what it asks one by one for
        for folder in (home.with_name("counting"), home):
            assert child(lambda folder=folder: run(settings(folder), before, day, lambda path: None)) == 0
    assert child(count) == 0
    kills = []
    for path, times in json.loads(counted.read_text()).items():
        for number in range(1, times + 1, 1 if times <= MOST_PAGES else EVERY):

            def killed(path: str = path, number: int = number) -> None:
                left = [number]

                def answered(called: str) -> None:
                    if called == path:
                        left[0] -= 1
                        if left[0] <= 0:
                            os._exit(KILLED)

                run(settings(home), stream_key, day, answered)

            code = child(killed)
            visible = len(Lake(settings(home).lake_dir).loads(STREAMS[stream_key]))
            kills.append({"path": path, "number": number, "code": code, "loads_visible": visible})
    assert child(lambda: run(settings(home), stream_key, day, lambda path: None)) == 0
    print(json.dumps(kills))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], dt.date.fromisoformat(sys.argv[4]))
