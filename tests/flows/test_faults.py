"""With every fault of the sandbox on, alone and all together, the lake holds what a clean run's holds.

The streams come from ``ingestion.apps.READERS``, so one that is added there is proved here too.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import stamina

import ingestion.fetch
import ingestion.http
from common.lake import Lake, LoadReport
from common.settings import PROJECT_ROOT, Settings
from common.streams import STREAMS
from ingestion.apps import READERS
from ingestion.fetch import configured_streams, default_window, fetch
from orchestration.landing import land
from sandbox.credentials import youzan_environment
from sandbox.faults import FAULTS, OF_WRITES
from sandbox.world import World, WorldOptions
from tests.flows.held import EVENTS, Content, assert_holds, events_in, living, receive_callbacks
from tests.flows.small_home import environment, sandbox_here, settings_for
from tests.without_dlt import write_parts

pytestmark = pytest.mark.xdist_group("flows")

KEY = "k" * 32
WORLD = WorldOptions(seed=11, extra_people=300, shop_orders=900)
FIRST_DAY, DAY = dt.date(2017, 1, 1), dt.date(2017, 2, 5)
SMALL_WORLD = WorldOptions(seed=12, buyers=250, extra_people=120, shop_orders=300)
YOUZAN = "miniprogram/youzan_trades"
# Faults of paging need lists of more than one page.
KILLED_ALWAYS = ("wecom/contacts", "video_account/aftersales")
WITH_SHORT_PAGES = ("repeated_cursor", "empty_page_has_more")


class Served(NamedTuple):
    """A sandbox in this process."""

    url: str
    world: World

    def faults(self, *names: str, **numbers: Any) -> None:
        answer = httpx.post(
            f"{self.url}/sandbox/faults",
            json={"names": list(names), "slow_seconds": 0.01, **numbers},
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text

    def hits(self) -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{self.url}/sandbox/faults", trust_env=False).json()["hits"]
        return found

    def truth(self) -> Content:
        told: Content = {}
        lines = httpx.get(f"{self.url}/sandbox/truth", trust_env=False).text.splitlines()
        for name in json.loads(lines[0])["streams"]:
            told[name] = {}
        for line in map(json.loads, lines[1:]):
            assert line["key"] not in told[line["stream"]], "each record is told of once"
            told[line["stream"]][line["key"]] = line["hash"]
        return told


@pytest.fixture(autouse=True, scope="module")
def no_waiting() -> Iterator[None]:
    """Nobody sleeps: not before a retry, nor through a quota's minute; a fault of each kind may strike one call."""
    with pytest.MonkeyPatch.context() as patch, stamina.set_testing(True, attempts=8):
        patch.setattr(ingestion.http, "MINUTE_BLOCK_SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    state = tmp_path_factory.mktemp("sandbox")
    with sandbox_here(WORLD, state, DAY, pii_key=KEY.encode()) as (url, app):
        yield Served(url, app.state.desk.world)


def home(folder: Path, served: Served, day: dt.date = DAY, **more: Any) -> Settings:
    """A home like the others: with one key, because leads are told apart by a keyed hash."""
    return settings_for(
        folder,
        served.url,
        business_timezone="America/New_York",
        first_day=FIRST_DAY,
        last_day=day,
        pii_key=KEY,
        **more,
    )


@pytest.fixture(scope="module")
def clean(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Content:
    served.faults()
    settings = home(tmp_path_factory.mktemp("clean"), served)
    ingest(settings)
    return content(settings)


def ingest(settings: Settings) -> list[LoadReport]:
    """Bring every stream up to the last day; counts must add up on the way."""
    lake, reports, day = Lake(settings.lake_dir), [], settings.last_day or DAY
    for key in configured_streams(settings):
        stream = STREAMS[key]
        window = default_window(settings, lake, stream, day) if stream.windowed else None
        arrivals = fetch(settings, lake, key, window=window)
        admitted = [lake.admit(arrival) for arrival in arrivals]
        quarantined = sum(report.rows for report in admitted[1:])
        assert admitted[0].quarantined == quarantined
        reports += admitted
    return reports


def whole_home(folder: Path, served: Served, day: dt.date = DAY) -> Settings:
    """A home with the Youzan shop, which the others are without: none of the faults is its gateway's."""
    youzan = youzan_environment(served.url)
    return home(
        folder, served, day, **{name.removeprefix("SIYU_").lower(): value for name, value in youzan.items()}
    )


def content(settings: Settings) -> Content:
    """The living records of every stream."""
    return {key: living(Lake(settings.lake_dir), key) for key in configured_streams(settings)}


def test_a_clean_run_holds_the_truth(clean: Content, served: Served, tmp_path: Path) -> None:
    served.faults()
    settings = whole_home(tmp_path, served)
    lake = Lake(settings.lake_dir)
    for arrival in fetch(settings, lake, YOUZAN, window=default_window(settings, lake, STREAMS[YOUZAN], DAY)):
        lake.admit(arrival)
    receive_callbacks(settings, served.world, DAY)
    held = {**clean, YOUZAN: living(lake, YOUZAN), **{key: events_in(lake, key) for key in EVENTS}}
    told = served.truth()
    assert_holds(held, told)
    assert all(told.values()), "every stream has records to compare"
    assert len(told["wecom/contacts"]) > 150, "contacts fill more than one page"


@pytest.mark.parametrize(
    "day",
    [
        # A message of five minutes ago is still being sent out, and statistics of spring are no longer kept.
        dt.date(2017, 11, 10),
        # Coupons of the first quarter are deleted.
        pytest.param(dt.date(2017, 12, 31), marks=pytest.mark.long),
    ],
)
def test_a_clean_run_of_a_whole_year_holds_the_truth(
    day: dt.date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion.fetch, "extract", write_parts)
    with sandbox_here(SMALL_WORLD, tmp_path / "sandbox", day, pii_key=KEY.encode()) as (url, app):
        served = Served(url, app.state.desk.world)
        settings = whole_home(tmp_path / "home", served, day)
        ingest(settings)
        told = served.truth()
    held = content(settings)
    assert_holds(held, {key: told[key] for key in held})
    assert all(told.values()), "every stream has records to compare"


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in OF_WRITES])
def test_one_fault_changes_nothing(
    name: str, clean: Content, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The faults strike before dlt, which takes most of the time; the tests of all faults together have it.
    monkeypatch.setattr(ingestion.fetch, "extract", write_parts)
    names = (name, "short_pages") if name in WITH_SHORT_PAGES else (name,)
    served.faults(*names, seed=3, rate=0.3)
    settings = home(tmp_path, served)
    reports = ingest(settings)
    assert served.hits().get(name), "the fault struck"
    assert content(settings) == clean
    for report in reports:
        assert report.rows == report.changed + report.quarantined, "received = landed + quarantined"


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_all_faults_together_change_nothing(
    seed: int, clean: Content, served: Served, tmp_path: Path
) -> None:
    served.faults("all", seed=seed, rate=0.15)
    settings = home(tmp_path, served)
    reports = ingest(settings)
    assert set(served.hits()) == set(FAULTS) - set(OF_WRITES)
    assert content(settings) == clean
    for report in reports:
        assert report.rows == report.changed + report.quarantined
    again = ingest(settings)
    assert sum(report.changed + report.deleted for report in again) == 0, "the same facts in other spellings"


def test_the_gate_lets_a_run_with_every_fault_pass(clean: Content, served: Served, tmp_path: Path) -> None:
    served.faults("all", seed=5, rate=0.15)
    settings = home(tmp_path, served)
    streams = [STREAMS[key] for key in configured_streams(settings)]
    results = land(settings, Lake(settings.lake_dir), streams, DAY)
    assert [(result.stream.key, result.error, result.held_reasons) for result in results] == [
        (stream.key, None, []) for stream in streams
    ]
    assert content(settings) == clean


@pytest.mark.parametrize(
    "key", [key if key in KILLED_ALWAYS else pytest.param(key, marks=pytest.mark.long) for key in READERS]
)
def test_killed_after_every_page_and_run_again(
    key: str, clean: Content, served: Served, tmp_path: Path
) -> None:
    served.faults()
    settings = home(tmp_path / "home", served)
    if key not in clean:
        pytest.skip(f"the sandbox has no credentials for the app of {key}")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.flows.killed_fetch",
            str(settings.home),
            served.url,
            key,
            DAY.isoformat(),
        ],
        cwd=PROJECT_ROOT,
        env=environment(settings, served.url),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    kills = json.loads(done.stdout.splitlines()[-1])
    assert len({kill["path"] for kill in kills}) >= 3, "the token, a page, and before the admission"
    assert {(kill["code"], kill["loads_visible"]) for kill in kills} == {(9, 0)}
    lake = Lake(settings.lake_dir)
    assert len(lake.loads(STREAMS[key])) == 1
    assert living(lake, key) == clean[key]
