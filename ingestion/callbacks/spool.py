"""The spool: callbacks on disk from the moment they are answered until a load of the lake holds them.

``<home>/callbacks/spool/<channel>/<instant>-<id>.open`` is written by a living receiver, which holds a lock on it;
after a minute it becomes ``.jsonl`` and nobody writes it any more. A line without its newline was never
answered: the platform sends that event again.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from common.clock import utc_now
from common.durable import fsync
from common.settings import Settings

ROTATE_SECONDS = 60.0
_OPEN, _FINISHED = ".open", ".jsonl"

_log = logging.getLogger(__name__)
_Item = tuple[bytes, "Future[None]"]


def spool_dir(settings: Settings, channel: str) -> Path:
    """Return the folder of a channel's callbacks."""
    return settings.home / "callbacks" / "spool" / channel


class Spool:
    """Writes lines in a thread of its own; many that come at once share one fsync. Close it."""

    def __init__(self, folder: Path, *, rotate_seconds: float = ROTATE_SECONDS) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._rotate_seconds = folder, rotate_seconds
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._file: _OpenFile | None = None
        self._began = 0.0
        self._thread = threading.Thread(target=self._write_all, name="callback-spool", daemon=True)
        self._thread.start()

    def append(self, line: bytes) -> Future[None]:
        """Write a line (without newline). The future is done when it is safe on disk, or holds the OSError."""
        done: Future[None] = Future()
        self._queue.put((line, done))
        return done

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        self._queue.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        going = True
        while going:
            batch, going = self._next_batch()
            if batch:
                self._write(batch)
            if self._file is not None and (not going or self._seconds_left() <= 0):
                self._finish()

    def _next_batch(self) -> tuple[list[_Item], bool]:
        """Wait for lines, at most until the file is due; take all that are there."""
        batch: list[_Item] = []
        wait: float | None = max(self._seconds_left(), 0.001) if self._file is not None else None
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=wait)
            while item is not None:
                batch.append(item)
                item = self._queue.get_nowait()
            return batch, False
        return batch, True

    def _seconds_left(self) -> float:
        return self._began + self._rotate_seconds - time.monotonic()

    def _write(self, batch: list[_Item]) -> None:
        try:
            if self._file is None:
                self._file, self._began = _OpenFile(self._folder), time.monotonic()
            self._file.write(b"".join(line + b"\n" for line, _ in batch))
        except OSError as error:
            # Part of it may stand there, so nothing is ever added to this file; doubles do no harm.
            self._finish()
            for _, done in batch:
                done.set_exception(error)
            return
        for _, done in batch:
            done.set_result(None)

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.finish()
            except OSError as error:
                _log.warning("%s could not be finished (%s); it is when this process ends", file.path, error)


class _OpenFile:
    """A file that we alone write. It gets its name ``.open`` only when the lock is held."""

    def __init__(self, folder: Path) -> None:
        unlocked = folder / f"{utc_now():%Y%m%dT%H%M%S%f}Z-{uuid.uuid4().hex[:8]}.new"
        self.path = unlocked.with_suffix(_OPEN)
        descriptor = os.open(unlocked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unlocked.rename(self.path)
        fsync(folder)

    def write(self, data: bytes) -> None:
        """Write and wait until it is safe on disk."""
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Let others read it; the lock goes with the descriptor."""
        try:
            self.path.rename(self.path.with_suffix(_FINISHED))
            fsync(self.path.parent)
        finally:
            self._file.close()


def finished_files(folder: Path) -> list[Path]:
    """Return the files that nobody writes any more, oldest first; those of dead receivers are finished here."""
    for orphan in folder.glob(f"*{_OPEN}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), orphan.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            orphan.rename(orphan.with_suffix(_FINISHED))
    return sorted(folder.glob(f"*{_FINISHED}"))


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a file, without newlines."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def drop(folder: Path, names: list[str]) -> None:
    """Delete files whose events the lake holds."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
