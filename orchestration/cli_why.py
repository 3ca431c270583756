"""`siyu why CUSTOMER [--tag T | --segment S] [--as-of D]`: conditions, values, rows and a minimal witness."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from orchestration.terminal import expected_errors, refuse, settings_or_refuse, terminal

if TYPE_CHECKING:
    from common.settings import Settings
    from orchestration.why_identity import Explained

_RULE = "rule"


class CustomerOrCommand(TyperGroup):
    """A group in which whatever is no command is a customer: `siyu why c0123…` is `siyu why rule c0123…`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command, putting the hidden one before a customer."""
        if args and args[0] not in self.commands:
            args = [_RULE, *args]
        return super().resolve_command(ctx, args)


def add_why_rule(app: typer.Typer) -> None:
    """Register the command with the group."""
    app.command(_RULE, hidden=True)(why_rule)


def why_rule(
    customer: Annotated[
        str, typer.Argument(help="customer_id, customer_no, or an identifier as type:value.")
    ],
    tag: Annotated[str | None, typer.Option(help="Code of a tag (标签), or of a prediction (预测).")] = None,
    segment: Annotated[str | None, typer.Option(help="Code of a segment (人群).")] = None,
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Evening of this business day.")
    ] = None,
    most: Annotated[int, typer.Option(help="How many rows of each kind to show.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="The evidence as rows, one JSON object a line.")
    ] = False,
) -> None:
    """Show why she carries a tag or is in a segment, or not; without either, what she carries."""
    from orchestration.why_prediction import explain_prediction, is_prediction
    from orchestration.why_rule import carried, explain_rule
    from orchestration.why_rule_view import (
        print_json,
        show_carried,
        show_identity,
        show_prediction,
        show_rule,
    )

    settings = settings_or_refuse()
    try:
        if tag is not None and segment is not None:
            raise ValueError("expected --tag or --segment, got both; ask twice")
        code = tag or segment
        if code is None:
            if as_of is not None:
                raise ValueError("expected --tag or --segment beside --as-of, got neither")
            show_carried(carried(settings, customer), terminal())
            return
        if tag is not None and is_prediction(settings, tag):
            if as_of is not None or as_json:
                raise ValueError(
                    f"expected {tag} alone, got --as-of or --json: predictions are kept as of now only"
                )
            show_prediction(explain_prediction(settings, customer, tag), terminal())
            return
        explained = explain_rule(
            settings,
            customer,
            kind="tag" if tag else "segment",
            code=code,
            as_of=as_of.date() if as_of else None,
        )
    except expected_errors() as error:
        refuse(error)
    identity = _identity(settings, explained.customer_id)
    if as_json:
        print_json(explained, terminal(), identity)
        return
    show_rule(explained, terminal(), most)
    if identity is not None:
        show_identity(identity, terminal())


def _identity(settings: Settings, customer_id: str) -> Explained | None:
    """Return what holds her together with its weakest edge; None while a run writes the warehouse, or without one."""
    from common.warehouse import WarehouseBusyError
    from orchestration.why_identity import UnknownCustomerError, explain

    try:
        return explain(settings, customer_id, most=1)
    except (UnknownCustomerError, WarehouseBusyError, FileNotFoundError):
        return None
