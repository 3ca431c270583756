"""The report page: what it shows, what it says when something is missing, and that names are only ever text."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.settings import PROJECT_ROOT, Settings
from orchestration.assets.published import PageWriter
from orchestration.lift import effects
from orchestration.publish import REPORT
from orchestration.report import page as room
from orchestration.report.cohorts import monthly_cohorts
from orchestration.report.measures import MEASURES, totals
from orchestration.report.model import Section, Spark
from orchestration.report.page import make_sections, read_facts, rebuild_report, spark_path, write_report
from orchestration.report.segments import segment_days
from orchestration.report.source import opened_copy
from orchestration.report.tiers import tier_sizes
from orchestration.report.today import Baseline
from tests.orchestration.report.copies import AS_OF, HOSTILE, TABLES, write_copy

DAY = dt.date.fromisoformat(AS_OF)
SECTIONS = ["today", "segments", "tiers", "cohorts", "livestreams", "quality", "activation", "effect"]


def sections(folder: Path, since: Baseline | None = None, held: tuple[str, ...] = ()) -> dict[str, Section]:
    with opened_copy(folder, as_of=DAY, held=held) as source:
        return {made.code: made for made in make_sections(source, totals(source), since)}


def texts(made: Section) -> str:
    return " ".join(each.zh + each.en for each in made.notes)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_copy(tmp_path_factory.mktemp("copies") / "run1")


def test_page__is_one_file_with_every_section_and_fetches_nothing(copy: Path) -> None:
    assert write_report(copy) is True
    page = (copy / REPORT).read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r'(src|href)="(?!#)', own)
    assert "default-src 'none'" in own
    assert own.count("<h2>") == len(SECTIONS) + 1
    assert len(own) < 300_000
    assert "¥10,080" not in own  # nothing to compare with yet
    assert "没有更早日期的副本可比" in own


def test_today__compares_the_day_with_the_week_before(copy: Path) -> None:
    cards = {card.title.zh: card for card in sections(copy)["today"].cards}
    assert (cards["退款"].value, cards["退款"].compared) == ("¥5.00", "▲ 75% (¥2.86)")
    assert cards["新客户"].value == "1"
    assert cards["新客户"].compared == "＝ 0% (1.0)"
    assert cards["新加企微"].compared == "– (0.0)"
    # A table without rows and one that is not there: no card, and said so.
    assert set(cards) == {"订单", "成交额 GMV", "退款", "新客户", "首购客户", "新加企微"}
    assert "新入群、公众号新关注、留资" in texts(sections(copy)["today"])


def test_segment_days__sizes_follow_from_who_came_and_went(copy: Path) -> None:
    with opened_copy(copy, as_of=DAY) as source:
        found = {each.code: each for each in segment_days(source)}
    loyal = found["loyal"]
    # Two a day from 1 February on; the 56 of February left on 30 March.
    assert loyal.sizes[-3:] == [114, 60, 62]
    assert (loyal.entered[-1], loyal.left[-2], loyal.left[-1]) == (2, 56, 0)
    assert found["hostile"].sizes[-2:] == [0, 30]
    assert found["nobody"].sizes == [0] * 90


def test_segments__tell_what_is_unusual_and_what_is_held(copy: Path) -> None:
    alerts = [(each.text.en, each.urgent) for each in sections(copy, held=("loyal",))["segments"].alerts]
    assert alerts == [
        ("hostile: 30 entered today, mean of 7 days before 0.0", False),
        ("Segment loyal is held: the last members stay", True),
    ]


def test_tiers__count_everybody_and_moves_only(copy: Path) -> None:
    with opened_copy(copy, as_of=DAY) as source:
        assert tier_sizes(source) == [("青铜", 20), ("白银", 20), (HOSTILE, 6)]
    made = sections(copy)["tiers"]
    flow = made.charts[1]
    assert flow.note is not None
    # A stretch in the same tier is no move, nor is the first one.
    assert flow.note.en == "Today 2 up, 0 down; 30 days 2 up, 1 down"
    assert [(row[0], row[1]) for row in made.tables[0].rows] == [("青铜", "↑ 白银"), ("白银", "↓ 青铜")]


def test_cohorts__are_of_first_orders_by_month_over_all_splits(copy: Path) -> None:
    with opened_copy(copy, as_of=DAY) as source:
        found = monthly_cohorts(source)
    assert found.months == ["2026-01", "2026-02"]
    assert found.sizes == [40, 20]
    assert found.ratios == [[0.5, 13 / 40], [0.5, None]]


def test_quality__adds_up_and_names_the_reasons(copy: Path) -> None:
    made = sections(copy)["quality"]
    titles = [table.title.en for table in made.tables]
    assert titles == ["Held loads", "Verdicts other than passed", "All verdicts", "Quarantined rows"]
    assert [row[1] for row in made.tables[3].rows] == ["4", "3"]
    assert [each.urgent for each in made.alerts] == [True, True, False]
    assert "3 subjects judged, 1 passed" in texts(made)


def test_activation__tells_new_rows_from_all_rows(copy: Path) -> None:
    since = Baseline("2026-03-30", f"{AS_OF}T21:30:00+00:00", {})
    made = sections(copy, since)["activation"]
    assert [table.title.en for table in made.tables][:2] == ["Last plans", "By segment and destination"]
    [row] = made.tables[1].rows
    assert row[1:] == ("wecom_tags", "18", "10", "20", "4", "4", "2")
    assert made.tables[0].rows[0][1:] == ("wecom_tags", "sent", "20", "0", "4", "18")
    assert made.tables[0].rows[1][1:] == ("file_export", "needs_approval", "62", "0", "0", "0")
    assert [each.text.zh for each in made.alerts] == [
        "计划等待批准：siyu approve loyal.file_export.2 --by …",
        "2 行存疑，等回读确认，不会重发",
    ]
    assert all(each.urgent for each in made.alerts)


def test_effect__bounds_what_treating_did_and_refuses_a_split_that_was_not_drawn(copy: Path) -> None:
    made = sections(copy)["effect"]
    table, variants = made.tables
    rows = {row[0].en: row[1:] for row in table.rows}
    assert rows["loyal"][:4] == ("900", "100", "33.3%", "10.0%")
    assert rows["loyal"][4] == "+23.3% [+15.3%, +28.8%] ★"
    assert rows["loyal"][5].startswith("+¥11.67 [+¥")
    assert rows["hostile"][4] == "0.0% [−5.3%, +4.1%]"
    assert [row[1:3] for row in variants.rows] == [("a", "holdout"), ("b", "holdout"), ("b", "a")]
    assert ["hostile" in each.text.en and each.urgent for each in made.alerts] == [True]
    assert "chance (A/A)" in made.notes[1].en  # nothing was sent to the loyal ones yet


def test_effect__as_of_a_past_day_counts_whose_days_were_over(copy: Path) -> None:
    with opened_copy(copy, as_of=dt.date(2026, 1, 12)) as source:
        [found] = effects(source, segment_code="loyal")
    assert found.within_days == 7  # nobody's 30 days are over
    assert found.members == {"holdout": 50, "treated": 450, "a": 225, "b": 225}
    with opened_copy(copy, as_of=dt.date(2026, 1, 7)) as source:
        assert effects(source) == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_page__without_a_table_is_whole_and_says_what_is_missing(tmp_path: Path, name: str) -> None:
    made = sections(write_copy(tmp_path / "run", without=[name]))
    assert list(made) == SECTIONS
    said = " ".join(map(texts, made.values()))
    assert "could not be made" not in said
    [absent] = [note.zh for note in made["today"].notes if note.zh.startswith("还没有数据")]
    titles = [each.title.zh for each in MEASURES if each.table == name]
    if name == "sync_runs":
        assert "Last plans" not in [table.title.en for table in made["activation"].tables]
    elif name == "destination_state":
        assert made["activation"].tables[0].rows[0][1:] == ("wecom_tags", "sent", "20", "0", "4", "0")
    elif titles:
        assert all(title in absent for title in titles)
    else:
        assert name in said


def test_page__of_an_empty_home_is_whole(tmp_path: Path) -> None:
    folder = write_copy(tmp_path / "run", empty=TABLES)
    assert write_report(folder)
    made = sections(folder)
    assert not [chart.code for each in made.values() for chart in each.charts if chart.code != "gmv"]
    for code in ("segments", "tiers", "cohorts", "livestreams", "activation", "effect"):
        assert made[code].notes, code
    assert "could not be made" not in " ".join(map(texts, made.values()))


def test_page__shows_hostile_names_as_text(copy: Path) -> None:
    write_report(copy, anew=True)
    page = (copy / REPORT).read_text(encoding="utf-8")
    assert page.count("<script") == 3
    assert "<img" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert "&lt;script&gt;document.body.dataset.owned" in page
    figures = re.search(r'id="figures">(.*?)</script>', page, flags=re.S)
    assert figures is not None
    shown = json.dumps(json.loads(figures.group(1)), ensure_ascii=False)
    assert "&lt;script&gt;" in shown  # plotly reads some HTML in labels
    assert "<script>" not in shown


def test_figures__are_what_plotly_takes(copy: Path) -> None:
    """They are written as plain values; plotly's own validators know the schema."""
    import plotly.graph_objects as go

    charts = [chart for made in sections(copy).values() for chart in made.charts]
    assert [each.code for each in charts] == [
        "gmv", "segments", "tiers", "tier_flow", "cohorts", "livestreams", "activation", "effect",
    ]  # fmt: skip
    for chart in charts:
        go.Figure(chart.figure)
    with pytest.raises(ValueError, match="Invalid property"):
        go.Figure({"data": [{"type": "bar", "colour": "red"}]})


def test_write_report__compares_with_the_last_copy_of_an_earlier_day(tmp_path: Path) -> None:
    monday = write_copy(tmp_path / "monday", as_of="2026-03-30")
    tuesday = write_copy(tmp_path / "tuesday")
    again = write_copy(tmp_path / "again", empty=["quarantined_rows"])
    write_report(monday)
    write_report(tuesday, monday)
    write_report(again, tuesday)
    for folder in (tuesday, again):
        facts = read_facts(folder)
        assert facts is not None
        assert facts.since is not None
        assert facts.since.as_of == "2026-03-30"
        change = facts.totals["refund_fen"] - facts.since.totals["refund_fen"]
        assert change == 500
        assert "自 2026-03-30 的副本以来" in (folder / REPORT).read_text(encoding="utf-8")
    # An older day is no day to compare with for one before it.
    replay = write_copy(tmp_path / "replay", as_of="2026-03-29")
    write_report(replay, again)
    facts = read_facts(replay)
    assert facts is not None
    assert facts.since is None


def test_write_report__links_the_last_page_when_it_would_show_the_same(tmp_path: Path) -> None:
    first, second = write_copy(tmp_path / "first"), write_copy(tmp_path / "second")
    assert write_report(first) is True
    assert write_report(second, first) is False
    assert (first / REPORT).samefile(second / REPORT)
    third = write_copy(tmp_path / "third", held=["loyal"])
    assert write_report(third, second) is True
    # Made anew it is a file of its own, and those linked with it stay as they are.
    before = (first / REPORT).stat().st_mtime_ns
    assert write_report(second, anew=True) is True
    assert not (first / REPORT).samefile(second / REPORT)
    assert (first / REPORT).stat().st_mtime_ns == before


def test_write_report__imports_neither_plotly_nor_pandas(tmp_path: Path) -> None:
    """Each costs about half a second, on every run."""
    write_copy(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from orchestration.report.page import write_report; "
        f"write_report(Path({str(tmp_path / 'run')!r})); "
        "print([name for name in ('plotly', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT
    )
    assert done.stdout.strip() == "[]"


def test_rebuild_report__makes_the_current_copys_page(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    with pytest.raises(FileNotFoundError, match="siyu run"):
        rebuild_report(settings)
    write_copy(settings.published_dir / "run1")
    (settings.published_dir / "current").symlink_to("run1")
    with pytest.raises(FileNotFoundError, match="siyu report"):
        rebuild_report(settings, as_it_is=True)
    path = rebuild_report(settings)
    assert path == settings.published_dir / REPORT
    assert path.samefile(settings.published_dir / "run1" / REPORT)
    assert rebuild_report(settings, as_it_is=True) == path


def test_make_sections__a_section_that_fails_says_why_and_the_others_stand(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.tiers, "_MOVES", "select no_such_column from tier_history")
    made = sections(copy)
    assert "could not be made: BinderException" in texts(made["tiers"])
    assert made["cohorts"].charts


def test_page_writer__a_page_that_cannot_be_made_says_so_and_holds_nothing_back(tmp_path: Path) -> None:
    warnings: list[str] = []
    writer = PageWriter(warnings.append)
    writer.write(tmp_path, None)  # no copy there
    assert writer.said.startswith("failed: FileNotFoundError")
    assert [each.split(" could not")[0] for each in warnings] == [
        "the page of the tag catalogue",
        "the report page",
    ]
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "could not be made" in page
    assert "no published copy" in page
    first, second = write_copy(tmp_path / "first"), write_copy(tmp_path / "second")
    writer.write(first, None)
    assert writer.said == "made"
    writer.write(second, first)
    assert writer.said == "linked: the last page shows the same"


def test_spark_path__spans_the_box() -> None:
    assert spark_path(Spark([0, 5, 10])) == "M0.0 23.0L50.0 12.0L100.0 1.0"
    assert spark_path(Spark([10, 20], from_zero=False)) == "M0.0 23.0L100.0 1.0"
    assert spark_path(Spark([0, 0])) == "M0.0 23.0L100.0 23.0"
