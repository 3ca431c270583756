"""The review: verdicts are records of the lake, the newest holds, and dbt shows the same as the command."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from common.clock import UTC
from common.lake import Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS
from orchestration.identity_review import Pair, ReviewError, decide, pairs_of
from orchestration.landing import land_file
from tests.exactness.dbt_home import DbtHome, differing_rows

MAPPING = """\
source: review
columns: {left_key: left, right_key: right, verdict: verdict, decided_by: who, decided_at: at}
values: {verdict: {同一人: same, 不同人: apart}}
"""
A, B, C, D = (f"buyer_id:shop:{name}" for name in "abcd")


def suggest(lake: Lake, *pairs: tuple[str, str, float], at: dt.datetime | None = None) -> None:
    """Land a search as the matcher would, with these pairs and weights."""
    stream = STREAMS["identity/suggestions"]
    rows = [
        {
            "pair_id": f"p{left[-1]}{right[-1]}",
            "left_key": left,
            "right_key": right,
            "match_probability": 0.99,
            "match_weight": weight,
            "agreed_fields": '["name"]',
            "similar_fields": "[]",
            "differing_fields": '["city"]',
            "source": "test",
        }
        for left, right, weight in pairs
    ]
    lake.ensure()
    lake.admit(lake.arrive_rows(stream, rows, LoadReport(stream.key, "test", len(rows))), at=at)


def verdicts(settings: Settings) -> dict[str, str | None]:
    return {pair.pair_id: pair.verdict for pair in pairs_of(settings)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path)


def test_pairs__are_those_of_the_newest_search(settings: Settings) -> None:
    lake = Lake(settings.lake_dir)
    assert pairs_of(settings) == []
    suggest(lake, (A, B, 9.0), (C, D, 12.0))
    suggest(lake, (A, B, 9.0), (A, C, 12.0))
    assert [pair.pair_id for pair in pairs_of(settings)] == ["pac", "pab"], "the surest first"
    assert pairs_of(settings)[1] == Pair("pab", A, B, 0.99, 9.0, ("name",), (), ("city",), None, None)


def test_verdict__is_kept_and_the_newest_holds(settings: Settings) -> None:
    lake = Lake(settings.lake_dir)
    suggest(lake, (A, B, 9.0), (C, D, 12.0), (A, C, 3.0))
    (result,) = decide(settings, ["pab", "pcd"], "same", by=" reviewer ", reason="same address")
    assert result.held_reasons == []
    assert result.total("changed") == 2
    assert verdicts(settings) == {"pab": "same", "pcd": "same", "pac": None}
    assert pairs_of(settings)[0].decided_by == "reviewer"
    decide(settings, ["pab"], "apart", by="reviewer", reason=None)
    suggest(lake, (A, B, 8.0), (C, D, 12.0))
    assert verdicts(settings) == {"pab": "apart", "pcd": "same"}, "a new search forgets no verdict"


@pytest.mark.parametrize(
    ("pair_ids", "by", "said"),
    [
        (["p"], "x", "names 2"),
        (["pab", "pzz"], "x", "names 0"),
        ([""], "x", "names 0"),
        (["pab"], "  ", "--by"),
    ],
)
def test_wrong_verdict__is_refused_and_lands_nothing(
    settings: Settings, pair_ids: list[str], by: str, said: str
) -> None:
    suggest(Lake(settings.lake_dir), (A, B, 9.0), (C, D, 12.0))
    with pytest.raises(ReviewError, match=said):
        decide(settings, pair_ids, "same", by=by, reason=None)
    assert Lake(settings.lake_dir).loads(STREAMS["identity/decisions"]) == []


def test_file_of_verdicts__lands_and_a_wrong_word_is_put_aside(settings: Settings, tmp_path: Path) -> None:
    lake = Lake(settings.lake_dir)
    suggest(lake, (A, B, 9.0), (C, D, 12.0))
    (tmp_path / "m.yml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "decisions.csv").write_text(
        "left,right,verdict,who,at\n"
        f"{B},{A},同一人,王,2026-05-01 10:00\n"
        f"{C},{D},也许,王,2026-05-01 10:00\n"
        f"{A},{B},不同人,李,2026-05-02 10:00\n",
        encoding="utf-8",
    )
    stream = STREAMS["identity/decisions"]
    results = {
        each.stream.key: each
        for each in land_file(settings, lake, stream, tmp_path / "decisions.csv", tmp_path / "m.yml")
    }
    assert results[stream.key].total("changed") == 2
    assert results["quarantine/rows"].total("changed") == 1
    assert verdicts(settings) == {"pab": "apart", "pcd": None}, "keys in any order; the later line holds"


def order(home: DbtHome, at: dt.datetime, *rows: tuple[str, str | None]) -> None:
    stream = STREAMS["miniprogram/orders"]
    full = [
        dict.fromkeys(stream.columns.names)
        | {"order_id": f"{buyer}{at:%H%M}", "buyer_id": buyer, "buyer_source": "shop", "unionid": unionid}
        | {
            "paid_at": dt.datetime(2026, 5, 3),
            "amount_fen": 1,
            "status": "completed",
            "source": "t",
            "source_line": n,
        }
        for n, (buyer, unionid) in enumerate(rows)
    ]
    home.lake.admit(home.lake.arrive_rows(stream, full, LoadReport(stream.key, "t", len(full))), at=at)


def say(home: DbtHome, at: dt.datetime, *rows: tuple[str, str, str]) -> None:
    stream = STREAMS["identity/decisions"]
    full = [
        {
            "left_key": left,
            "right_key": right,
            "verdict": verdict,
            "decided_by": "r",
            "decided_at": dt.datetime(2026, 6, 1),
        }
        | {"reason": None, "source": "t", "source_line": n}
        for n, (left, right, verdict) in enumerate(rows)
    ]
    home.lake.admit(home.lake.arrive_rows(stream, full, LoadReport(stream.key, "t", len(full))), at=at)


def test_review_table__is_the_same_incrementally_and_anew(home: DbtHome) -> None:
    """dbt: the newest search with the newest verdicts; a suggestion merges nobody."""
    home.clear()
    start = dt.datetime(2026, 6, 1, tzinfo=UTC)
    order(home, start, ("a", None), ("b", None), ("c", "u" * 28), ("d", "u" * 28))
    suggest(home.lake, (A, B, 9.0), (C, D, 5.0), at=start + dt.timedelta(hours=1))
    say(home, start + dt.timedelta(hours=2), (B, A, "same"))
    home.run("2026-06-01")
    statuses = "select pair_id, review_status from marts.identity_suggestions order by all"
    assert home.query(statuses) == [("pab", "same"), ("pcd", "joined")]
    say(home, start + dt.timedelta(hours=3), (A, B, "same"), (A, B, "apart"))
    suggest(
        home.lake, (A, B, 9.0), (A, C, 7.0), ("buyer_id:other:x", C, 6.0), at=start + dt.timedelta(hours=4)
    )
    home.run("2026-06-02")
    assert home.query("select is_rebuild from meta.run_log order by run_no desc limit 1") == [(False,)]
    assert home.query(statuses) == [("pab", "apart"), ("pac", "open"), ("pxc", "open")]
    assert home.query("select left_key, right_key, verdict from intermediate.int_identity__decisions") == [
        (A, B, "apart")
    ]
    unknown = home.query("select left_customer_id, right_customer_id is null from marts.identity_suggestions "
                         "where pair_id = 'pxc'")  # fmt: skip
    assert unknown == [(None, False)]
    assert home.query(statuses) == sorted(
        (pair.pair_id, pair.verdict or "open") for pair in pairs_of(Settings(_env_file=None, home=home.home))
    ), "the command says the same"
    kept = home.put_warehouse_aside("kept")
    home.run("2026-06-02")
    assert not any(differing_rows(kept, home.warehouse).values())
    manifest = json.loads((home.home / "target" / "manifest.json").read_text())
    read = {
        name
        for node in manifest["nodes"].values()
        for name in node["depends_on"]["nodes"]
        if "source" in name
    }
    assert "source.siyu.identity.people" not in read, "names and addresses stay in the lake"
