"""Trains prediction models on a home: replays in a scratch home, versions through the gate into the lake.

Knows nothing of Dagster. Reads the lake alone: no lock is taken, and the daily job may run meanwhile.
"""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR, Settings
from orchestration.days import choose_known_at, last_complete_day
from orchestration.dbt_run import DbtError, dbt_environment, start_dbt
from orchestration.landing import StreamResult, land_arrivals
from prediction.train import Replay, newest_load_of_facts, train
from prediction.versions import PREDICTION_MODELS, Training, arrive

Line = Callable[[str], None]

# All that a snapshot reads, and what that is made of; no tags, segments or cohorts.
REPLAYED = ("+int_run__prediction_features", "+int_run__prediction_categories", "+customer_noise")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a training found, and what became of it at the gate."""

    training: Training
    landed: list[StreamResult]


def train_models(
    settings: Settings,
    *,
    as_of: dt.date | None = None,
    known_at: str | None = None,
    history_loaded_by: dt.date | None = None,
    replay: Replay | None = None,
    line: Line = _log.info,
) -> Trained:
    """Train every model as of a business day (default: the last complete one) and land the versions.

    The same training done again lands nothing.

    Raises:
        DbtError: a replay failed.
        ValueError: there is no history to learn from, or ``known_at`` is no moment.
    """
    lake = Lake(settings.lake_dir)
    lake.ensure()
    day = as_of or last_complete_day(settings)
    # The newest load that is no model itself: the same training asked for again is the same training.
    known = min(choose_known_at(known_at, lake), newest_load_of_facts(lake) or "")
    with _replays(settings, line) if replay is None else _given(replay) as replays:
        training = train(
            settings,
            lake,
            replays,
            as_of=day,
            known_load_id=known,
            history_loaded_by=history_loaded_by,
            line=line,
        )
    arrival = arrive(lake, training)
    return Trained(training, land_arrivals(settings, lake, PREDICTION_MODELS, [arrival]) if arrival else [])


@contextmanager
def _replays(settings: Settings, line: Line) -> Iterator[Replay]:
    """Give replays in a scratch home inside this one, whose lake is this one's."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=".replay-") as folder:
        scratch = settings.model_copy(update={"home": Path(folder)})
        scratch.lake_dir.symlink_to(settings.lake_dir, target_is_directory=True)

        def replay(day: dt.date, known_load_id: str) -> Path:
            scratch.warehouse_path.unlink(missing_ok=True)
            environment = dbt_environment(scratch, scratch.dbt_target_dir, as_of=day, known_at=known_load_id)
            arguments = ["--no-use-colors", "run", "--select", *REPLAYED]
            child = start_dbt(arguments, environment, DBT_PROJECT_DIR)
            assert child.stdout is not None
            said = child.stdout.read().decode(errors="replace")
            if child.wait() != 0:
                raise DbtError(f"the replay of {day} failed:\n{said.strip()[-4000:]}")
            return scratch.warehouse_path

        yield replay


@contextmanager
def _given(replay: Replay) -> Iterator[Replay]:
    yield replay
