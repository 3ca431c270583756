"""The page as a whole: its sections, what it compares with, and how it is written beside the copy's tables."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import duckdb

from common.settings import Settings
from orchestration.publish import REPORT, Manifest, link_page, read_manifest
from orchestration.report import cohorts, effect, livestreams, outcomes, quality, segments, tiers, today
from orchestration.report.measures import Total, totals
from orchestration.report.model import Section, Spark, Text
from orchestration.report.source import MissingInputError, Source, opened_copy
from orchestration.report.today import Baseline

FACTS = "report.json"
FORMAT = 1

_HERE = Path(__file__).parent
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """What a page leaves for the next one. ``inputs`` is a digest of all that the page shows."""

    as_of: str
    published_at: str
    inputs: str
    totals: dict[str, int]
    since: Baseline | None = None
    format: int = FORMAT


def write_report(folder: Path, before: Path | None = None, *, anew: bool = False) -> bool:
    """Write ``report.html`` and ``report.json`` into the folder of a copy; return whether the page was made.

    ``before`` is the copy that was current until now. When its page shows the same it is linked instead, unless
    the page is wanted ``anew``. Without ``before`` the page compares with what the folder's own page did.

    Raises:
        FileNotFoundError: the folder holds no published copy.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"no published copy in {folder}; run `siyu run` first")
    last = read_facts(before or folder)
    since = _baseline(manifest.as_of, last, is_older=before is not None)
    inputs = _digest(manifest, since)
    if (
        before is not None
        and not anew
        and last is not None
        and last.inputs == inputs
        and (before / REPORT).exists()
    ):
        for name in (REPORT, FACTS):
            os.link(before / name, folder / name)
        return False
    as_of = dt.date.fromisoformat(manifest.as_of)
    with opened_copy(folder, as_of=as_of, held=manifest.held) as source:
        now = totals(source)
        sections = make_sections(source, now, since)
    figures = {code: total.figure for code, total in now.items()}
    facts = Facts(manifest.as_of, manifest.published_at, inputs, figures, since)
    _write(folder / REPORT, render(manifest, sections))
    _write(folder / FACTS, json.dumps(asdict(facts), ensure_ascii=False, indent=1))
    return True


def rebuild_report(settings: Settings, *, as_it_is: bool = False) -> Path:
    """Make the page of the current copy anew, or leave it ``as_it_is``; return where it is.

    Raises:
        FileNotFoundError: nothing is published, or the copy has no page to leave as it is.
    """
    path = settings.published_dir / REPORT
    if as_it_is:
        if not path.exists():
            raise FileNotFoundError(
                f"no report page at {path}; make it with `siyu report`, or run `siyu run`"
            )
        return path
    write_report((settings.published_dir / "current").resolve(), anew=True)
    link_page(settings.published_dir, REPORT)
    return path


def write_failure(folder: Path, error: Exception) -> None:
    """Write a page that says why there is none: an old page must not pass for this copy's."""
    why = html.escape(f"{type(error).__name__}: {error}")
    _write(
        folder / REPORT,
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>Siyu</title>'
        f"<p>日报没有做成，数据照常发布。The report could not be made; the data is published all the same."
        f"<p>{why}<p><code>siyu report</code></html>",
    )


def make_sections(source: Source, now: dict[str, Total], since: Baseline | None) -> list[Section]:
    """Return all sections; one that cannot be made says why and the others stand."""
    wanted: list[tuple[str, Text, Callable[[Section, Source], None]]] = [
        ("today", Text("今日要点", "Today"), partial(today.fill, now=now, since=since)),
        ("segments", Text("人群规模", "Segment sizes"), segments.fill),
        ("tiers", Text("会员等级", "Member tiers"), tiers.fill),
        ("cohorts", Text("复购留存", "Retention by cohort"), cohorts.fill),
        ("livestreams", Text("直播漏斗", "Livestream funnel"), livestreams.fill),
        ("quality", Text("数据质量", "Data quality"), quality.fill),
        ("activation", Text("触达结果", "Activation"), partial(outcomes.fill, since=since)),
        ("effect", Text("触达效果", "Effect of activation"), effect.fill),
    ]
    sections = []
    for code, title, fill in wanted:
        made = Section(code, title)
        try:
            fill(made, source)
        except MissingInputError as error:
            missing = error.args[0]
            made.notes.append(Text(f"这份副本缺少 {missing}。", f"This copy lacks {missing}."))
        except duckdb.Error as error:
            why = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            _log.warning("report: section %s could not be made: %s", code, why)
            made.notes.append(Text(f"这一节没有做成：{why}", f"This section could not be made: {why}"))
        sections.append(made)
    return sections


def render(manifest: Manifest, sections: list[Section]) -> str:
    """Return the HTML of a page. All text is escaped; only the scripts named by their digest may run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [_plotly_js(), (_HERE / "templates" / "report.js").read_text(encoding="utf-8")]
    environment.filters["kind"] = lambda cell: type(cell).__name__.lower()
    environment.filters["path"] = spark_path
    return environment.get_template("page.html.j2").render(
        manifest=manifest,
        published=dt.datetime.fromisoformat(manifest.published_at),
        sections=sections,
        alerts=sorted((each for made in sections for each in made.alerts), key=lambda each: not each.urgent),
        figures={chart.code: chart.figure for made in sections for chart in made.charts},
        css=(_HERE / "templates" / "report.css").read_text(encoding="utf-8"),
        scripts=scripts,
        script_digests=[
            base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts
        ],
    )


def spark_path(spark: Spark, width: float = 100, height: float = 24) -> str:
    """Return the SVG path of a small line through the values; one that never changes lies low."""
    bounds = [*spark.values, 0] if spark.from_zero else spark.values
    low, span = min(bounds), (max(bounds) - min(bounds)) or 1
    step = width / max(len(spark.values) - 1, 1)
    points = (
        f"{index * step:.1f} {1 + (height - 2) * (1 - (value - low) / span):.1f}"
        for index, value in enumerate(spark.values)
    )
    return "M" + "L".join(points)


def read_facts(folder: Path) -> Facts | None:
    """Return what the page of a copy left, None when there is none of this format."""
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if content.get("format") != FORMAT:
        return None
    since = content.pop("since")
    return Facts(**content, since=Baseline(**since) if since else None)


def _baseline(as_of: str, last: Facts | None, *, is_older: bool) -> Baseline | None:
    """Return the last copy of an earlier day: a second run of a day compares with the day before as well."""
    if last is None:
        return None
    if is_older and last.as_of < as_of:
        return Baseline(last.as_of, last.published_at, last.totals)
    return last.since if last.since and last.since.as_of < as_of else None


def _digest(manifest: Manifest, since: Baseline | None) -> str:
    code = hashlib.sha256()
    for path in sorted(each for each in _HERE.rglob("*") if each.suffix in (".py", ".j2", ".css", ".js")):
        code.update(path.read_bytes())
    tables = {name: entry.content_hash for name, entry in manifest.tables.items()}
    parts = [
        manifest.as_of, manifest.held, tables, asdict(since) if since else None,
        code.hexdigest(), version("plotly"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plotly_js() -> str:
    """Return plotly.js from the plotly package, without importing it.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("plotly is not installed; install Siyu's requirements.lock")
    folder = Path(spec.submodule_search_locations[0])
    return (folder / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)
