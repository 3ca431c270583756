"""`siyu rules`: check what `dbt_project/rules/` says, and hand it to dbt."""

from __future__ import annotations

import typer

from orchestration.terminal import expected_errors, refuse, terminal

rules_app = typer.Typer(no_args_is_help=True, help="Tags and segments as data (标签与人群规则).")


@rules_app.command("check")
def check() -> None:
    """Check all rule files, journeys and content: whatever is wrong, with file and line."""
    from common.settings import DBT_PROJECT_DIR
    from orchestration.journeys import checked_journeys
    from orchestration.rules.load import load_rules

    try:
        rules = load_rules(DBT_PROJECT_DIR)
        journeys = checked_journeys(rules)
    except expected_errors() as error:
        refuse(error)
    terminal().print(
        f"{len(rules.tags)} tags (标签), {len(rules.segments)} segments (人群) and {len(journeys)} journeys (旅程) "
        "are in order."
    )


@rules_app.command("compile")
def compile_() -> None:
    """Check the rule files and write them as dbt macros; a run does it by itself, a plain `dbt build` does not."""
    from orchestration.rules.compiled import compile_rules, generated_path

    try:
        changed = compile_rules()
    except expected_errors() as error:
        refuse(error)
    terminal().print(f"{'Written' if changed else 'Already current'}: {generated_path()}")
