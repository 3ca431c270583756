"""The tag catalogue (标签目录) as one HTML page, made from the published table."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publish import TAGS

_FAMILIES = {
    "who": "她是谁",
    "buys": "她买什么",
    "behaves": "她的行为",
    "stands": "她处在哪个阶段",
    "channel": "她属于哪个渠道",
    "risk": "风险",
    "staff": "员工手工标签",
}
_MADE = {"fact": "事实", "rule": "规则", "prediction": "预测"}
_AGEING = {"static": "静态", "dynamic": "动态"}
_COLUMNS = (
    "tag_code", "name_zh", "family", "made", "ageing", "owner", "rule_version", "description_zh", "parent_tag_code",
    "exclusive_group", "derived_from", "rule", "customer_count", "customer_count_clean", "value_count",
    "model_version", "scored_date",
)  # fmt: skip
_STYLE = (
    "body{font:15px/1.6 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.4rem .6rem;text-align:left;"
    "vertical-align:top}td.n{text-align:right;white-space:nowrap}code{font-size:13px;word-break:break-all}"
    "summary{cursor:pointer;color:#555}"
)


def write_tag_page(folder: Path) -> Path:
    """Write the page of a copy beside its tables and return its path.

    Raises:
        duckdb.Error: the copy has no tag catalogue.
    """
    table = folder / "tag_catalog.parquet"
    with duckdb.connect() as db:
        rows = db.execute(
            f"select {', '.join(_COLUMNS)} from read_parquet(?) order by family, tag_code",  # noqa: S608
            [str(table)],
        ).fetchall()
    tags = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    target = folder / TAGS
    target.write_text(_page(tags), encoding="utf-8")
    return target


def _page(tags: list[dict[str, Any]]) -> str:
    parts = [
        "<!doctype html><html lang='zh-CN'><head><meta charset='utf-8'><title>标签目录 (tag catalogue)</title>"
        f"<style>{_STYLE}</style></head><body><h1>标签目录 (tag catalogue)</h1><p>{len(tags)} 个标签 (tags)</p>"
    ]
    for family, name in _FAMILIES.items():
        members = [tag for tag in tags if tag["family"] == family]
        if members:
            parts.append(f"<h2 id='{family}'>{name} ({family}), {len(members)}</h2>")
            parts.append(_table(members))
    return "".join([*parts, "</body></html>\n"])


def _table(tags: Iterable[dict[str, Any]]) -> str:
    head = "".join(
        f"<th>{each}</th>"
        for each in (
            "标签 (tag)",
            "定义 (definition)",
            "类型 (kind)",
            "人数 (customers)",
            "去噪 (clean)",
            "取值 (values)",
        )
    )
    return f"<table><tr>{head}</tr>{''.join(map(_row, tags))}</table>"


def _row(tag: dict[str, Any]) -> str:
    kind = f"{_MADE.get(tag['made'], tag['made'])}, {_AGEING.get(tag['ageing'], tag['ageing'])}, v{tag['rule_version']}"
    counts = "".join(
        f"<td class='n'>{tag[name]:,}</td>"
        for name in ("customer_count", "customer_count_clean", "value_count")
    )
    return (
        f"<tr id='{_text(tag['tag_code'])}'>"
        f"<td><b>{_text(tag['name_zh'])}</b><br><code>{_text(tag['tag_code'])}</code></td>"
        f"<td>{_text(tag['description_zh'])}{_relations(tag)}"
        f"<details><summary>规则 (rule)</summary><code>{_text(tag['rule'])}</code></details></td>"
        f"<td>{_text(kind)}<br>{_text(tag['owner'])}{_model(tag)}</td>{counts}</tr>"
    )


def _model(tag: dict[str, Any]) -> str:
    if tag["made"] != "prediction":
        return ""
    if not tag["model_version"]:
        return "<br><small>没有生效的模型版本 (no version in force)</small>"
    return (
        f"<br><small>模型版本 (model version) {_text(tag['model_version'])}<br>"
        f"评分日 (as of) {_text(tag['scored_date'])}; 分值与十分位 (score, decile): customer_predictions</small>"
    )


def _relations(tag: dict[str, Any]) -> str:
    said = []
    if tag["parent_tag_code"]:
        said.append(f"上级 (parent): {_link(tag['parent_tag_code'])}")
    if tag["exclusive_group"]:
        said.append(f"互斥组 (exclusive group): {_text(tag['exclusive_group'])}")
    if tag["derived_from"]:
        said.append(f"来自 (derived from): {', '.join(map(_link, tag['derived_from'].split(',')))}")
    return f"<br><small>{'; '.join(said)}</small>" if said else ""


def _link(code: str) -> str:
    return f"<a href='#{_text(code)}'>{_text(code)}</a>"


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value), quote=True)
