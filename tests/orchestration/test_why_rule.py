"""`siyu why CUSTOMER`: it says what the run said, and without the cited rows a rebuild says otherwise."""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from common.settings import DBT_PROJECT_DIR, PROJECT_ROOT, Settings
from common.warehouse import connect
from orchestration.project import public_tables
from orchestration.publish import publish
from orchestration.rules.load import load_rules
from orchestration.tag_cost import tag_costs
from orchestration.verdict_chain import FILE, bare, compiled_models, verdict_chain
from orchestration.why_identity import UnknownCustomerError
from orchestration.why_rule import Explanation, UnknownRuleError, explain_rule
from sandbox.generate.plan import Plan
from sandbox.generate.writer import Writer
from tests.exactness.dbt_home import DbtHome

LAST_DAY = dt.date(2026, 10, 31)
CUSTOMERS, SAMPLED = 400, 10
STREAMS = {
    "miniprogram|": [("miniprogram/orders", "order_id"), ("miniprogram/order_lines", "order_id")],
    "video_account|": [
        ("video_account/shop_orders", "record_key"),
        ("video_account/aftersales", "record_key"),
    ],
}


def publish_it(home: DbtHome) -> Settings:
    settings = Settings(_env_file=None, home=home.home)
    tables = public_tables(home.home / "target" / "manifest.json")
    chain = verdict_chain(home.home / "target" / "compiled", tables, load_rules(DBT_PROJECT_DIR))
    publish(settings, tables, run_id="test", notes={FILE: chain.dumped()})
    return settings


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    Writer(home.lake, Plan(CUSTOMERS, 2, last_day=LAST_DAY), lambda text: None).write_days()
    home.run(LAST_DAY.isoformat())
    return home


@pytest.fixture(scope="module")
def settings(home: DbtHome) -> Settings:
    return publish_it(home)


def sample(home: DbtHome, sql: str, count: int = SAMPLED) -> list[tuple]:
    rows = sorted(home.query(sql))
    return random.Random(7).sample(rows, min(count, len(rows)))


def test_verdict__is_what_the_run_said(home: DbtHome, settings: Settings) -> None:
    """Tags and segments, carried or not, today and on a day of the past."""
    for day in (LAST_DAY, LAST_DAY - dt.timedelta(days=77)):
        said = f"valid_from <= date '{day}' and coalesce(valid_to, date '9999-01-01') > date '{day}'"
        tags = sample(home, f"select customer_id, tag_code, tag_value from marts.tag_history where {said}")
        within = f"entered_date <= date '{day}' and coalesce(left_date, date '9999-01-01') > date '{day}'"
        inside = sample(home, f"select customer_id, segment_code from marts.segment_history where {within}")
        outside = sample(
            home,
            "select customer_id, segment_code from marts.dim_customers cross join marts.segments except "
            f"select customer_id, segment_code from marts.segment_history where {within}",
        )
        assert min(map(len, (tags, inside, outside))) >= 10
        for customer, code, value in tags:
            assert explain_rule(settings, customer, kind="tag", code=code, as_of=day).verdict == value
        for pairs, expected in ((inside, True), (outside, False)):
            for customer, code in pairs:
                explained = explain_rule(settings, customer, kind="segment", code=code, as_of=day)
                assert explained.verdict is expected
                assert all(node.holds for _, node in explained.tree) is expected


def test_witness__is_minimal(home: DbtHome, settings: Settings) -> None:
    """With any of its rows back the verdict holds again: told by judging her without the others."""
    from common.warehouse import connect
    from orchestration.verdict_chain import read_chain
    from orchestration.why_replay import Replay, attach, dependents

    folder = (settings.published_dir / "current").resolve()
    seen = 0
    for customer, code in sample(home, "select customer_id, segment_code from marts.segment_members", 25):
        explained = explain_rule(settings, customer, kind="segment", code=code)
        if not explained.witness or len(explained.witness) < 2:
            continue
        seen += 1
        with connect() as db:
            attach(db, folder)
            replay = Replay(db, read_chain(folder), customer, LAST_DAY)
            witness = frozenset(explained.witness)
            back = [
                frozenset(
                    each
                    for each in witness
                    if each != fact and (fact.order_key is None or each.order_key != fact.order_key)
                )
                for fact in explained.witness
            ]
            rows = replay.judge([dependents(replay.facts, witness), *back])
        verdicts = [row is not None and row[f"failed_{code}"] == 0 for row in rows]
        assert verdicts[0] is False
        assert all(verdicts[1:]), (customer, code)
    assert seen >= 3


def test_audience__counts_exactly(settings: Settings) -> None:
    """Set operations over the published copy give what SQL over the same tables gives."""
    from orchestration.audience import Audience

    folder = (settings.published_dir / "current").resolve()
    inside = "customer_id in (select customer_id from segment_members where segment_code = '{}')"
    silent, lapsed = inside.format("high_value_silent"), inside.format("lapsed_win_back")
    high = (
        "customer_id in (select customer_id from customer_tags "
        "where tag_code = 'value_level' and tag_value = '高价值')"
    )
    asked = {
        f"{silent} or {lapsed}": {"union": ["high_value_silent", "lapsed_win_back"]},
        f"{silent} and {lapsed}": {"intersect": ["high_value_silent", "lapsed_win_back"]},
        f"{silent} and not {lapsed}": {"except": ["high_value_silent", "lapsed_win_back"]},
        f"{high} and not {silent}": {
            "all": [{"has_tag": "value_level", "in": ["高价值"]}, {"not": {"segment": "high_value_silent"}}]
        },
        "customer_id in (select customer_id from customer_tags where tag_code = 'city')": {"has_tag": "city"},
    }
    audience = Audience(folder)
    with duckdb.connect(str(folder / "siyu.duckdb"), read_only=True) as db:
        for sql, condition in asked.items():
            expected = db.execute(
                f"select count(*), count(*) filter (where not is_noise) from customers where {sql}"
            ).fetchone()
            found = audience.size(condition)
            assert (found.customers, found.customers_clean) == expected
            assert expected is not None
            assert expected[0] > 0
    for wrong in ({"feature": "order_count", "op": ">=", "value": 1}, {"segment": "nobody"}, "city", None):
        with pytest.raises(ValueError, match="condition:1: audience: expected"):
            audience.size(wrong)
    audience.close()


def test_report__shows_funnel_and_overlap(home: DbtHome, settings: Settings) -> None:
    from orchestration.segment_report import segment_metadata

    metadata = segment_metadata(settings)
    sizes = dict(home.query("select segment_code, member_count from marts.segments"))
    funnel = {
        (row.data["segment_code"], row.data["step_no"]): row.data
        for row in metadata["segment_funnel"].records
    }
    last = {code: step for code, step in sorted(funnel)}
    assert {code: funnel[code, step]["kept_count"] for code, step in last.items()} == sizes, (
        "the last step keeps them"
    )
    assert funnel["high_value_silent", 1]["step_text_zh"] == "净消费额（近 365 天） ≥ 200000"
    overlap = [row.data for row in metadata["segment_overlap"].records]
    assert overlap
    assert all(row["both_count"] <= sizes[row["segment_code"]] for row in overlap)


def test_costs__are_of_every_tag(home: DbtHome, tmp_path: Path) -> None:
    path = compiled_models(home.home / "target" / "compiled")["int_run__verdicts"]
    codes = [each.entry.code for each in load_rules(DBT_PROJECT_DIR).tags]
    with connect() as db:
        db.execute(f"attach '{home.warehouse}' as warehouse (read_only)")
        sql, kept = bare(path.read_text(encoding="utf-8")), tmp_path / "kept.json"
        found = tag_costs(db, sql, codes, kept=kept)
        assert tag_costs(db, sql, codes, kept=kept) == found  # to the last digit: not timed again
        assert tag_costs(db, f"{sql} ", codes, kept=kept) != found
    assert {each.code for each in found} == set(codes)
    assert all(each.milliseconds_per_million > 0 for each in found)
    rows = dict(
        home.query("select tag_code, count(*) from marts.tag_history where known_to is null group by 1")
    )
    assert {each.code: each.history_rows for each in found if each.history_rows} == rows
    carried = dict(home.query("select tag_code, count(*) from marts.customer_tags group by 1"))
    assert {each.code: each.customers for each in found if each.customers} == carried


def test_unknown_names__are_refused_in_words(home: DbtHome, settings: Settings) -> None:
    ((customer,),) = home.query("select min(customer_id) from marts.dim_customers")
    with pytest.raises(UnknownCustomerError, match="nobody goes by"):
        explain_rule(settings, "c" + "0" * 20, kind="tag", code="lifecycle_stage")
    with pytest.raises(UnknownRuleError, match=r"one of the tags .*lifecycle_stage.*, got 'mood'"):
        explain_rule(settings, customer, kind="tag", code="mood")
    with pytest.raises(ValueError, match="expected a day up to 2026-10-31"):
        explain_rule(settings, customer, kind="tag", code="gender", as_of=dt.date(2026, 11, 1))
    with pytest.raises(FileNotFoundError, match="run `siyu run` first"):
        explain_rule(Settings(_env_file=None, home=Path("/nowhere")), customer, kind="tag", code="gender")


def test_command__shows_tree_and_rows(home: DbtHome, settings: Settings) -> None:
    ((customer, day),) = home.query(
        "select customer_id, entered_date from marts.segment_members where segment_code = 'high_value_silent' "
        "order by customer_id limit 1"
    )

    def siyu(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from orchestration.cli import app; app()", "why", *arguments],
            capture_output=True, text=True, check=True, cwd=PROJECT_ROOT,
            env={"SIYU_HOME": str(home.home), "PATH": "", "PYTHONPATH": str(PROJECT_ROOT)},
        )  # fmt: skip
        return done.stdout

    shown = siyu(customer, "--segment", "high_value_silent")
    assert "净消费额（近 365 天） ≥ 200000" in shown
    assert "Minimal witness" in shown
    assert "Identity (身份)" in shown
    assert "siyu why identity" in shown
    assert f"segment high_value_silent (高价值沉默), since {day}" in siyu(customer)
    rows = [
        json.loads(line) for line in siyu(customer, "--segment", "high_value_silent", "--json").splitlines()
    ]
    assert any(row.get("is_witness") for row in rows)
    assert {row["verdict"] for row in rows} == {True}


def test_without_its_witness__a_rebuild_says_otherwise(home: DbtHome, settings: Settings) -> None:
    """The rows are taken out of the lake, for several customers at once, and everything is built anew.

    The last test of the file: the home is another one afterwards.
    """
    asked = [
        ("segment", *row) for row in sample(home, "select customer_id, segment_code from marts.segment_members", 30)
    ] + [
        ("tag", customer, code)
        for customer, code in sample(
            home, "select customer_id, tag_code from marts.customer_tags where tag_code in "
            "('lifecycle_stage', 'value_level', 'purchase_frequency', 'livestream_buyer')", 30
        )
    ]  # fmt: skip
    explained: dict[str, Explanation] = {}
    for kind, customer, code in asked:
        each = explain_rule(settings, customer, kind=kind, code=code)
        only_orders = each.witness and all(fact.table in ("orders", "refunds") for fact in each.witness)
        if only_orders and customer not in explained:
            explained[customer] = each
    assert len(explained) >= 20
    assert {each.kind for each in explained.values()} == {"tag", "segment"}
    take_out(home, [fact.key for each in explained.values() for fact in each.witness or []])
    home.put_warehouse_aside("before")
    home.run(LAST_DAY.isoformat())
    tags = {
        (c, t): v
        for c, t, v in home.query("select customer_id, tag_code, tag_value from marts.customer_tags")
    }
    members = set(home.query("select customer_id, segment_code from marts.segment_members"))
    wrong = {}
    for customer, each in explained.items():
        now = tags.get((customer, each.code)) if each.kind == "tag" else (customer, each.code) in members
        if now != each.without_witness or now == each.verdict:
            wrong[customer] = (each.kind, each.code, each.verdict, each.without_witness, now)
    assert not wrong


def take_out(home: DbtHome, keys: list[str]) -> None:
    """Write the lake's files again without the orders and after-sales of these keys."""
    for channel, streams in STREAMS.items():
        ids = [key.split("|")[-1] for key in keys if key.startswith(channel)]
        for stream, column in streams:
            for path in (home.home / "lake" / stream).glob("*/part-*.parquet"):
                scratch = path.with_suffix(".new")
                with duckdb.connect() as db:
                    relation = db.read_parquet(str(path), hive_partitioning=False)
                    kept = relation.filter(f"{column} not in ({', '.join(repr(each) for each in ids)})")
                    kept.write_parquet(str(scratch))
                scratch.replace(path)


def test_compiled_models__are_not_those_of_tests(tmp_path: Path) -> None:
    """`dbt test` leaves a unit test's fixtures under the names of models."""
    (tmp_path / "models/_cases.yml/models").mkdir(parents=True)
    model = tmp_path / "models/int_run__timeline.sql"
    for path in (
        model,
        tmp_path / "models/_cases.yml/int_run__timeline.sql",
        tmp_path / "models/_cases.yml/models/int_run__timeline.sql",
    ):
        path.touch()
    assert compiled_models(tmp_path) == {"int_run__timeline": model}
