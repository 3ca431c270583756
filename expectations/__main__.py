"""``python -m expectations``: list and check the suites, or judge one batch of Parquet files by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from expectations.runner import judge as judge_batch
from expectations.spec import load_suite, suite_names

app = typer.Typer(add_completion=False, help=__doc__)


@app.command("list")
def list_suites() -> None:
    """List every suite with its number of checks (this also checks the files)."""
    for name in suite_names():
        suite = load_suite(name)
        critical = sum(each.severity == "critical" for each in suite.expectations)
        typer.echo(
            f"{name}: {critical} critical, {len(suite.expectations) - critical} advisory; {suite.description}"
        )


@app.command()
def judge(
    suite: str,
    parts: Annotated[str, typer.Argument(help="Glob of Parquet files")],
    docs: Annotated[Path | None, typer.Option(help="Folder for Data Docs")] = None,
) -> None:
    """Judge Parquet files with a suite. Exit code 1 when they would be held."""
    verdict = judge_batch(suite, parts=parts, subject=parts, docs_dir=docs)
    typer.echo(json.dumps(verdict.as_metadata(), ensure_ascii=False, indent=2))
    raise typer.Exit(code=1 if verdict.held else 0)


if __name__ == "__main__":
    app()
