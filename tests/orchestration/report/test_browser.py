"""The page in a real browser: nothing fails, every chart is drawn, and it fits a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.publish import REPORT
from orchestration.report.page import write_report
from tests.orchestration.report.copies import write_copy

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CHARTS = 8


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser")
    before = write_copy(root / "before", as_of="2026-03-30")
    write_report(before)
    write_report(write_copy(root / "now", held=["loyal"]), before)
    return root / "now" / REPORT


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium fonts-noto-cjk`, then the page is looked at")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def opened(browser: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Any, list[str]]]:
    page = browser.new_page(viewport=request.param)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.append(asked.url) if not asked.url.startswith("file:") else None)
    page.goto(report.as_uri())
    page.wait_for_selector("body[data-drawn]", timeout=60_000)
    yield page, said
    page.close()


def test_page__runs_without_an_error_and_asks_nobody(opened: tuple[Any, list[str]]) -> None:
    _, said = opened
    assert said == []


def test_page__draws_every_chart(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    places = page.evaluate(
        """[...document.querySelectorAll('[data-chart]')].map(place => {
            const svg = place.querySelector('svg.main-svg'), box = svg && svg.getBoundingClientRect();
            const marks = place.querySelectorAll('.trace path, .trace .point path, .hm image, .js-line').length;
            return [place.dataset.chart, !!svg && box.width > 200 && box.height > 60, marks > 0];
        })"""
    )
    assert len(places) == CHARTS
    assert [name for name, sized, marked in places if not (sized and marked)] == []


def test_page__fits_the_width(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('p, td, th, li, h3')]"
        ".map(each => parseFloat(getComputedStyle(each).fontSize)))"
    )
    assert smallest >= 11


def test_page__shows_chinese_and_hostile_names_as_they_are_written(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    assert page.locator("h1").inner_text().startswith("私域日报")
    assert page.evaluate("document.body.dataset.owned") is None
    assert "<script>document.body.dataset.owned" in page.locator("#segments").inner_text()
    # A character that no font has is drawn as the same box as any other such character.
    widths = page.evaluate(
        """(() => { const at = document.createElement('canvas').getContext('2d'); at.font = '20px sans-serif';
            const ink = text => { at.clearRect(0, 0, 60, 60); at.fillText(text, 5, 30);
                const dots = [...at.getImageData(0, 0, 60, 60).data];
                return dots.reduce((sum, each, n) => (sum * 31 + each * n) % 1e9, 7); };
            return [ink('私'), ink('域'), ink('日')]; })()"""
    )
    if len(set(widths)) == 1:
        pytest.skip("no Chinese font here: `apt-get install fonts-noto-cjk`")
    assert len(set(widths)) == 3
