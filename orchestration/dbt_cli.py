"""The dbt program as the daily job starts it: a child that cannot outlive its parent.

A killed run worker must not leave a dbt process behind that still holds the warehouse's lock. Usage:
``python -P -m orchestration.dbt_cli <parent pid> build ...``.
"""

from __future__ import annotations

import ctypes
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
    """Run dbt with the arguments after the parent's process id."""
    die_with_parent(int(sys.argv[1]))
    sys.argv = ["dbt", *sys.argv[2:]]
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
