"""The dbt program as the daily job starts it: a child that waits for its order and cannot outlive its parent.

A killed run worker must not leave a dbt process behind that still holds the warehouse's lock. And because
dbt takes seconds to import, the child is started early and imports it while its parent does other things:
the order, one line of JSON with ``args``, ``env`` and ``cwd``, comes on its standard input. Without an order
it ends. Usage: ``python -P -m orchestration.dbt_cli <parent pid>``.
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
    """Import dbt, wait for the order, run it."""
    die_with_parent(int(sys.argv[1]))
    gc.disable()  # imports make garbage collections that find nothing
    from dbt.cli.main import cli

    gc.freeze()
    gc.enable()
    line = sys.stdin.readline()
    if not line:
        return
    order = json.loads(line)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = ["dbt", *order["args"]]
    cli()


if __name__ == "__main__":
    main()
