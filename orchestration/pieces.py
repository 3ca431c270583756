"""A long window is landed in pieces, each admitted before the next is asked for: a crash keeps what is finished.

Which days are done is told by the stream's cursor. Days before the cursor that somebody asked for again
(``--since``) have marks of their own in the home, gone when all streams are done; without the marks they are
only fetched once more.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path

from common.lake import LoadReport
from common.settings import Settings
from common.streams import Stream
from ingestion.windows import Window

Line = Callable[[str], None]


def pieces_of(stream: Stream, window: Window) -> list[Window]:
    """Return the window in the pieces that are landed one by one, oldest first; one piece when it is short."""
    if stream.piece_days is None:
        return [window]
    return list(window.split(dt.timedelta(days=stream.piece_days)))


class Pace:
    """Says how far the pieces of one stream are, and when they should be done."""

    def __init__(self, settings: Settings, stream: Stream, pieces: list[Window], line: Line) -> None:
        self._stream, self._pieces, self._line = stream, pieces, line
        self._calls_per_minute = settings.api_calls_per_minute
        self._done = self._calls = 0
        self._began = time.monotonic()
        if pieces:
            line(
                f"{stream.key}: {len(pieces)} pieces, {pieces[0].start:%Y-%m-%d} to {pieces[-1].end:%Y-%m-%d}"
            )
        else:
            line(f"{stream.key}: done before the last fetch was cut off")

    def finished(self, report: LoadReport) -> None:
        """Tell that one more piece is in the lake; ``report`` is that of its load."""
        calls = report.details.get("calls") or {}
        self._done += 1
        self._calls += max(calls.values(), default=0)
        self._line(
            f"{self._stream.key}: {self._done} of {len(self._pieces)}, to "
            f"{self._pieces[self._done - 1].end:%Y-%m-%d}, {report.rows:,} rows, "
            f"{sum(calls.values()):,} calls{self._left()}"
        )

    def seconds_left(self) -> float:
        """Return the time the other pieces need: as long as those before, never faster than the limit allows."""
        measured = (time.monotonic() - self._began) / self._done
        allowed = self._calls / self._done * 60 / self._calls_per_minute
        return max(measured, allowed) * (len(self._pieces) - self._done)

    def _left(self) -> str:
        if self._done == len(self._pieces):
            return ""
        minutes = self.seconds_left() / 60
        return f"; about {minutes:.0f} min left" if minutes >= 1 else "; less than a minute left"


class SinceMark:
    """How far a stream is with fetching again from a day on."""

    def __init__(self, settings: Settings, stream: Stream, since: dt.date) -> None:
        self._path: Path = settings.home / "backfill" / f"{stream.channel}__{stream.name}.json"
        self._since = since.isoformat()

    def rest_of(self, pieces: list[Window]) -> list[Window]:
        """Return what an earlier, interrupted fetch from the same day on left of the pieces."""
        try:
            found = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return pieces
        if found["since"] != self._since:
            return pieces
        done = dt.datetime.fromisoformat(found["done"])
        return [Window(max(each.start, done), each.end) for each in pieces if each.end > done]

    def done(self, piece: Window) -> None:
        """Remember that the piece and all before it are in the lake."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps({"since": self._since, "done": piece.end.isoformat()}))
        scratch.replace(self._path)

    def clear(self) -> None:
        """Forget it: everything that was asked for is done."""
        self._path.unlink(missing_ok=True)
