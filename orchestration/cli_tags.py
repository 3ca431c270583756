"""`siyu tags`: what each tag costs."""

from __future__ import annotations

import typer

from orchestration.terminal import expected_errors, refuse, settings_or_refuse, terminal

tags_app = typer.Typer(no_args_is_help=True, help="Tags (标签): what each costs.")


@tags_app.command("cost")
def cost() -> None:
    """Time each tag's expression alone over a sample of the last run, beside the rows it has; dearest first."""
    from common.settings import DBT_PROJECT_DIR
    from orchestration.rules.load import load_rules
    from orchestration.tag_cost import cost_table

    settings = settings_or_refuse()
    try:
        codes = [each.entry.code for each in load_rules(DBT_PROJECT_DIR).tags]
        terminal().print(cost_table(settings, codes))
    except expected_errors() as error:
        refuse(error)
