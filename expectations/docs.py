"""Data Docs: one page for the last verdict on each suite and subject, and an index over all of them.

Name the subject for what is judged again and again (a stream, a segment), not for the single load, or pages
pile up.

Pages are Great Expectations' own; they show counts, the SQL of the checks and the reasons, never a cell. The
pages fetch their style sheets from public CDNs when opened; without a network they are plain but complete.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

from expectations.verdict import Verdict

_UNSAFE = re.compile(r"[^0-9A-Za-z._-]+")


def page_path(docs_dir: Path, suite: str, subject: str) -> Path:
    """Return the path of the page for a suite and a subject (a new verdict replaces the page)."""
    readable = _UNSAFE.sub("-", subject).strip("-.")[:60]
    digest = hashlib.sha256(subject.encode()).hexdigest()[:8]
    return docs_dir / suite / f"{readable or 'subject'}-{digest}.html"


def write_page(path: Path, result: Any, at: dt.datetime) -> None:
    """Render a validation result (already made safe) as a page of its own."""
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    result.meta["run_id"] = RunIdentifier(run_name=path.stem, run_time=at)
    result.meta["validation_time"] = at
    content = ValidationResultsPageRenderer(run_info_at_end=True).render(result)
    _write(path, DefaultJinjaPageView().render(content, show_how_to_buttons=False))


def write_index(docs_dir: Path, verdicts: list[Verdict], at: dt.datetime) -> Path:
    """Remember the verdicts beside their pages and list all pages, held ones first; return the index."""
    for verdict in verdicts:
        page = page_path(docs_dir, verdict.suite, verdict.subject)
        entry = {**verdict.as_metadata(), "at": at.isoformat(timespec="seconds")}
        if verdict.docs_path is None:  # never leave the page of an older, better verdict standing
            page.unlink(missing_ok=True)
        else:
            entry["docs_path"] = page.relative_to(docs_dir).as_posix()
        _write(page.with_suffix(".json"), json.dumps(entry, ensure_ascii=False, indent=1))
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in docs_dir.rglob("*.json")]
    entries.sort(key=lambda each: (not each["held"], each["suite"], each["subject"]))
    index = docs_dir / "index.html"
    _write(index, _index_html(entries))
    return index


def _index_html(entries: list[dict[str, Any]]) -> str:
    rows = "\n".join(
        f'<tr class="{each["status"]}"><td>{each["status"]}</td>'
        f"<td>{_link(each)}</td>"
        f"<td>{html.escape(each['subject'])}</td><td>{each['rows']}</td><td>{html.escape(each['reason'])}</td>"
        f"<td>{each['at']}</td></tr>"
        for each in entries
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Siyu data docs</title>'
        "<style>body{font-family:sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left}"
        ".failed,.error{background:#fdd}.warned{background:#ffd}</style>"
        "<h1>What the gate said last</h1>"
        "<table><tr><th>status<th>suite<th>subject<th>rows<th>reason<th>at (UTC)</tr>"
        f"\n{rows}\n</table></html>\n"
    )


def _link(entry: dict[str, Any]) -> str:
    suite = html.escape(entry["suite"])
    return f'<a href="{html.escape(entry["docs_path"])}">{suite}</a>' if entry["docs_path"] else suite


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)
