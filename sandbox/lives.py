"""Weekly livestreams of the brand's video account (视频号直播), Fridays 20:00 New York time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from random import Random

from sandbox.calendar import FIRST_DAY, YEAR, moment
from sandbox.people import opaque
from sandbox.words import LIVE_THEMES

_FRIDAY = 4
_START_HOUR = 20


@dataclass(frozen=True)
class Live:
    """One livestream; ``started_at`` is a unix second, ``duration`` seconds, ``impressions`` users."""

    export_id: str
    theme: str
    started_at: int
    duration: int
    impressions: int

    @property
    def ended_at(self) -> int:
        return self.started_at + self.duration

    def within(self, random: Random) -> int:
        """Return a random unix second during the livestream."""
        return self.started_at + random.randrange(self.duration)


def make_lives(seed: int) -> list[Live]:
    """Return the 52 livestreams of the year, oldest first."""
    random = Random(f"{seed}:lives")
    day = FIRST_DAY + dt.timedelta(days=(_FRIDAY - FIRST_DAY.weekday()) % 7)
    lives: list[Live] = []
    while day.year == YEAR:
        lives.append(
            Live(
                export_id="export/UzFf" + opaque(28, seed, "live", day),
                theme=LIVE_THEMES[len(lives) % len(LIVE_THEMES)],
                started_at=moment(day, _START_HOUR, random.randrange(5)),
                duration=random.randrange(5400, 10800),
                impressions=random.randrange(20_000, 110_000),
            )
        )
        day += dt.timedelta(days=7)
    return lives
