"""How fast one API of one account may be called, and how many calls at once.

The pace is a token bucket that all processes of a home share. Its whole state is one number per rate in a
small file, changed under a lock of the kernel. That costs a few microseconds a call, and a killed process leaves
no lock behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from pyrate_limiter import Duration, Rate, TokenBucket
from pyrate_limiter.abstracts.algorithm import Decision, State

CALLS_PER_MINUTE = 2000
CALLS_PER_HOUR = 150_000
IN_FLIGHT = 4
# A state further ahead was written under a clock that was wrong then, or is now.
_FURTHEST_AHEAD_US = 3 * 3600 * 1_000_000
# Others may shorten or lengthen the wait meanwhile.
_LONGEST_NAP_SECONDS = 5.0
_ALGORITHM = TokenBucket()


class _Memory:
    """The state inside this process, for transports that have no home."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._lock = threading.Lock()

    @contextmanager
    def changing(self, rates: list[Rate]) -> Iterator[list[int]]:
        """Give the state to read and change; nobody else sees it meanwhile."""
        with self._lock:
            state = [int(each) for each in self._state or _ALGORITHM.initial(rates)]
            yield state
            self._state = tuple(state)


class _File:
    """The state in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()

    @contextmanager
    def changing(self, rates: list[Rate]) -> Iterator[list[int]]:
        """Give the state to read and change; nobody else sees it meanwhile, in no process."""
        layout = struct.Struct(f"<{len(rates)}q")
        with self._lock:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                found = os.pread(self._descriptor, layout.size, 0)
                state = [0] * len(rates) if len(found) < layout.size else list(layout.unpack(found))
                before = list(state)
                yield state
                if state != before:
                    os.pwrite(self._descriptor, layout.pack(*state), 0)
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)


class Pace:
    """Lets calls pass at the given rates. Thread-safe; ``path`` makes it shared with other processes."""

    def __init__(
        self,
        rates: list[Rate],
        path: Path | None = None,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates, self._now, self._sleep = rates, now, sleep
        self._store = _File(path) if path else _Memory()

    def wait(self) -> None:
        """Return when a call may be made."""
        while not (decision := self._take()).allowed:
            self._sleep(min((decision.retry_after_ms or 1) / 1000, _LONGEST_NAP_SECONDS))

    def block(self, seconds: float) -> None:
        """Let nobody pass for so long: the platform said so, and asking meanwhile prolongs it."""
        free_at = int((self._now() + seconds) * 1_000_000)
        with self._store.changing(self._rates) as state:
            for place, rate in enumerate(self._rates):
                emission = max(-(-rate.interval * 1000 // rate.limit), 1)
                state[place] = max(state[place], free_at + (rate.burst - 1) * emission)

    def _take(self) -> Decision:
        with self._store.changing(self._rates) as state:
            now = int(self._now() * 1000)
            if max(state) > now * 1000 + _FURTHEST_AHEAD_US:
                state[:] = [0] * len(state)
            new, decision = _ALGORITHM.step(self._rates, tuple(state), now, 1)
            state[:] = [int(each) for each in new]
        return decision


class InFlight:
    """Lets at most ``limit`` calls run at once; ``halve`` lowers the limit for good."""

    def __init__(self, limit: int) -> None:
        self._limit, self._running = limit, 0
        self._change = threading.Condition()

    @property
    def limit(self) -> int:
        """How many calls may run at once now."""
        return self._limit

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Hold one of the slots; gives the limit as it is now."""
        with self._change:
            self._change.wait_for(lambda: self._running < self._limit)
            self._running += 1
            limit = self._limit
        try:
            yield limit
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def halve(self, limit: int) -> None:
        """Lower the limit to half of what it was when the call began, never below one.

        Calls that were refused together lower it once.
        """
        with self._change:
            self._limit = min(self._limit, max(1, limit // 2))


def rates_of(per_minute: int, per_hour: int) -> list[Rate]:
    """Return rates under which no minute and no hour ever holds more calls than these.

    A tenth may come at once, the rest is spread: a full bucket on top of a full rate would be double the limit.
    """
    wanted = [(per_minute, Duration.MINUTE)]
    if per_hour < per_minute * 60:
        wanted.append((per_hour, Duration.HOUR))
    return [
        Rate(max(limit - limit // 10, 1), interval, burst=max(limit // 10, 1)) for limit, interval in wanted
    ]


@lru_cache(maxsize=1024)
def pace_of(folder: Path | None, account: str, api: str, per_minute: int, per_hour: int) -> Pace:
    """Return the pace of one (account, API), the same one for all who ask; ``folder`` holds the shared state."""
    path = None
    if folder is not None:
        # The account is hashed: which corp this is has no business in a file name.
        who = hashlib.sha256(account.encode()).hexdigest()[:12]
        path = folder / f"{api.strip('/').replace('/', '.')}-{who}.pace"
    return Pace(rates_of(per_minute, per_hour), path)
