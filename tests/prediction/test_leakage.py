"""Training on replays of a real lake: what was not known on a day cannot be learned from it."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.lake import LoadReport, instant_of
from common.scoring import REPURCHASE
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect
from orchestration.assets.prediction import metadata_of
from orchestration.training import REPLAYED, Trained, train_models
from prediction.days import looks_for
from prediction.versions import PREDICTION_MODELS, Version
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer
from tests.exactness.dbt_home import DbtHome

AS_OF = dt.date(2026, 10, 31)
# Long enough for one look to learn from, so that a training is four replays.
HISTORY = 250
MIX = Mix(members=0.5, phones=0, orders=3, most_lines=0, identified_orders=0, coupon_uses=0.5,
          points_changes=0, shop_orders=0, contacts=0, groups=0, lives=False)  # fmt: skip


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    Writer(home.lake, Plan(900, history=HISTORY, mix=MIX, last_day=AS_OF), lambda text: None).write_days()
    return home


def trained(home: DbtHome, **asked: dt.date) -> Trained:
    def replay(day: dt.date, known_load_id: str) -> Path:
        # Views name the database after the file, so each replay has a folder of its own.
        kept = home.home / "replays" / f"{day}-{known_load_id}" / home.warehouse.name
        if not kept.exists():
            home.run(day.isoformat(), known_at=known_load_id, select=" ".join(REPLAYED))
            kept.parent.mkdir(parents=True)
            home.warehouse.rename(kept)
        return kept

    return train_models(Settings(_env_file=None, home=home.home), as_of=AS_OF, replay=replay, **asked)


def repurchase(found: Trained) -> Version:
    (version,) = [each for each in found.training.versions if each.model_code == REPURCHASE]
    return version


def plant_coupons(home: DbtHome) -> dt.date:
    """A coupon used the evening before each look by whoever was to buy in the 30 days after it, and by nobody else.

    The records come long after the fact, as files of a partner do: on the day of the look nobody knew them. Returns
    the day of their load.
    """
    looks = looks_for(AS_OF, AS_OF - dt.timedelta(days=HISTORY))
    stream, rows = STREAMS["miniprogram/coupon_uses"], []
    with connect() as db:
        for day in {*looks.train, *looks.test_short}:
            buyers = db.execute(
                "select distinct buyer_source, buyer_id from read_parquet($orders) "
                "where (paid_at + interval 8 hours)::date between $day::date + 1 and $day::date + 30",
                {"orders": home.lake.glob(STREAMS["miniprogram/orders"]), "day": day},
            ).fetchall()
            rows += [
                {"coupon_use_id": f"planted-{day}-{shop}-{buyer}-{number}", "buyer_id": buyer, "buyer_source": shop,
                 "coupon_id": "planted", "campaign_id": "planted", "used_at": dt.datetime.combine(day, dt.time(4)),
                 "source": "planted", "source_line": number}
                for shop, buyer in buyers for number in range(3)
            ]  # fmt: skip
    arrival = home.lake.arrive_rows(stream, rows, LoadReport(stream.key, "planted", len(rows)))
    at = instant_of(home.lake.last_load_id() or "") + dt.timedelta(days=20)
    home.lake.admit(arrival, at=at)
    return at.date()


def test_signal_of_later__is_not_learned(home: DbtHome) -> None:
    honest = trained(home)
    plain = repurchase(honest)
    assert len(plain.train_days) == 1
    assert plain.metrics["test"]["auc"] < 0.7, "orders of this lake fall by chance"
    assert [result.total("changed") for result in honest.landed] == [len(honest.training.versions)]
    states = home.lake.loads(PREDICTION_MODELS)
    assert [load.changed for load in states] == [len(honest.training.versions)]

    again = trained(home)
    assert [version.name for version in again.training.versions] == [
        version.name for version in honest.training.versions
    ]
    assert len(home.lake.loads(PREDICTION_MODELS)) == 1, "the same training lands once"

    planted_on = plant_coupons(home)
    blind = repurchase(trained(home))
    assert blind.parameters == plain.parameters, "learned from the same rows"
    assert blind.metrics["test"] == plain.metrics["test"]

    # Said to have been known all along, the same records give the labels away: the test can fail.
    cheated = repurchase(trained(home, history_loaded_by=planted_on))
    assert cheated.metrics["test"]["auc"] > 0.85

    shown = metadata_of(honest)
    assert "data:image/png;base64," in shown[f"{REPURCHASE}/plots"].md_str
    assert plain.reason in shown["verdicts"].md_str
    assert "tenths" not in str(shown[f"{REPURCHASE}/measures"].data)

    code = "from orchestration.cli import app; app()"
    listed = subprocess.run(
        [sys.executable, "-c", code, "predict", "models"],
        env={**os.environ, "SIYU_HOME": str(home.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{plain.name}  {plain.reason}" in listed.stdout
