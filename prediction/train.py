"""One training: replays of a few past days, every model tried on them, and the versions that came of it.

A model version is a function of the lake: the same lake, day and load give the same versions.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from common.clock import business_date, day_bounds
from common.lake import SCHEMA_LOAD_ID, Lake, instant_of, load_id_of
from common.scoring import CHURN, MODELS, NEXT_CATEGORY, ORDER_VALUE, PURCHASES, REPURCHASE
from common.settings import Settings
from common.warehouse import connect
from prediction.boosted import try_category, try_yes_no
from prediction.days import Looks, looks_for
from prediction.lifetime import NotEnoughHistoryError, Trial, try_order_value, try_purchases
from prediction.snapshots import Snapshots, take
from prediction.versions import PREDICTION_MODELS, Training, Version, in_force

# Builds a warehouse as of a day that knows loads up to an id, and says where it is. The next call may replace it.
Replay = Callable[[dt.date, str], Path]
Line = Callable[[str], None]


def train(
    settings: Settings,
    lake: Lake,
    replay: Replay,
    *,
    as_of: dt.date,
    known_load_id: str,
    history_loaded_by: dt.date | None = None,
    line: Line = lambda _: None,
) -> Training:
    """Replay the looks of a training as of a day, try every model, and return the versions; lands nothing.

    ``history_loaded_by``: what was loaded up to that business day counts as known all along, as a brand's first load
    of its past does (by default the day of the lake's first load).

    Raises:
        NotEnoughHistoryError: the lake has no orders up to ``as_of``.
        duckdb.Error: a replay lacks a table.
    """
    loaded_by = history_loaded_by or _first_loaded_day(settings, lake)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=".training-") as scratch:
        folder = Path(scratch)
        looks = _replayed(settings, replay, folder, as_of, known_load_id, loaded_by, line)
        return try_models(lake, Snapshots(folder, looks.newest), looks, known_load_id, line)


def try_models(
    lake: Lake, snapshots: Snapshots, looks: Looks, known_load_id: str, line: Line = lambda _: None
) -> Training:
    """Try every model on snapshots that are there."""
    before = in_force(lake, looks.as_of, known_load_id)
    versions: list[Version] = []
    not_tried: dict[str, str] = {}
    for code in MODELS:
        parameters = json.loads(before[code][1]) if code in before else None
        try:
            version = _TRIES[code](Trial(snapshots, looks, known_load_id, parameters))
        except NotEnoughHistoryError as error:
            not_tried[code] = str(error)
            line(f"{code}: not tried: {error}")
            continue
        versions.append(version)
        line(f"{code}: {version.reason}")
    return Training(looks.as_of, known_load_id, tuple(versions), not_tried)


def known_on(settings: Settings, day: dt.date, loaded_by: dt.date, known_load_id: str) -> str:
    """Return the newest load that a run for a day may know: those of the morning after, when that run is made.

    What the first load of the past brought was known all along: else there were no past to learn from.
    """
    morning = max(day, loaded_by) + dt.timedelta(days=1)
    _, end = day_bounds(morning, settings.zone)
    return min(load_id_of(end - dt.timedelta(microseconds=1)), known_load_id)


def _replayed(
    settings: Settings,
    replay: Replay,
    folder: Path,
    as_of: dt.date,
    known_load_id: str,
    loaded_by: dt.date,
    line: Line,
) -> Looks:
    """Take the snapshots, the newest first: it says how far back orders go."""
    newest = replay(as_of, known_load_id)
    first = _first_order_date(newest)
    if first is None:
        raise NotEnoughHistoryError(f"expected orders up to {as_of}, got none; `siyu run` first")
    looks = looks_for(as_of, first)
    line(f"newest day {as_of}, orders since {first}; looking from {', '.join(map(str, looks.all))}")
    take(newest, folder, looks.newest, newest=True)
    for day in reversed(looks.all):
        if day != looks.newest:
            known = known_on(settings, day, loaded_by, known_load_id)
            line(f"replaying {day} as known by load {known}")
            take(replay(day, known), folder, day, newest=False)
    return looks


def _first_order_date(warehouse: Path) -> dt.date | None:
    with connect(warehouse, read_only=True) as db:
        row = db.execute("select min(ordered_date) from marts.fct_orders where is_valid").fetchone()
    return row[0] if row else None


def newest_load_of_facts(lake: Lake) -> str | None:
    """Return the newest load that is no model version, None when there is none."""
    return max(_loads_of_facts(lake), default=None)


def _first_loaded_day(settings: Settings, lake: Lake) -> dt.date:
    first = min(_loads_of_facts(lake), default=None)
    if first is None:
        raise NotEnoughHistoryError("the lake is empty; ingest something first")
    return business_date(instant_of(first), settings.zone)


def _loads_of_facts(lake: Lake) -> set[str]:
    own = lake.root / PREDICTION_MODELS.channel / PREDICTION_MODELS.name
    paths = (path for path in lake.root.glob("[!_]*/*/load_id=*") if path.parent != own)
    return {path.name.removeprefix("load_id=") for path in paths} - {SCHEMA_LOAD_ID}


_TRIES: dict[str, Callable[[Trial], Version]] = {
    PURCHASES: try_purchases,
    ORDER_VALUE: try_order_value,
    REPURCHASE: lambda trial: try_yes_no(REPURCHASE, trial),
    CHURN: lambda trial: try_yes_no(CHURN, trial),
    NEXT_CATEGORY: try_category,
}
