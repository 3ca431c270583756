"""The dbt program as the daily job starts it: a child that waits for its order and cannot outlive its parent.

A killed run worker must not leave a dbt process behind that still holds the warehouse's lock. And because
dbt takes seconds to import and to load a project, the child is started early and does both while its parent does
other things. Orders, a line of JSON with ``args``, ``env`` and ``cwd`` each, come on its standard input: maybe one to
parse, then the one to run. Without an order it ends. Usage: ``python -P -m orchestration.dbt_cli <parent pid>``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time

from orchestration.dbt_events import skip_unheard_events
from orchestration.garbage import look_seldom

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends; where it cannot, watch for it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before we could ask
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Import dbt, load the project when asked to, wait for the order, run it."""
    die_with_parent(int(sys.argv[1]))
    gc.disable()  # imports and parsing make garbage collections that find nothing
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    skip_unheard_events()
    manifest = None
    for line in sys.stdin:
        order = json.loads(line)
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        if "parse" in order["args"]:
            parsed = dbtRunner().invoke(order["args"]).result
            manifest = (
                parsed if isinstance(parsed, Manifest) else None
            )  # why it does not parse is told by the run
            continue
        look_seldom()
        done = dbtRunner(manifest=manifest).invoke(order["args"])
        gc.freeze()  # the process ends: looking for garbage once more costs 0.3 s (2026-11-22)
        # dbt has told of failures itself, and its own program would end with the same codes.
        sys.exit(2 if done.exception else 0 if done.success else 1)


if __name__ == "__main__":
    main()
