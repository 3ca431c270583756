"""What the commands share: settings, the terminal, and how a refusal looks."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from common.settings import Settings, load_settings

EXIT_FAILED = 1
EXIT_REFUSED = 2


def settings_or_refuse() -> Settings:
    """Return the settings, or end with what is wrong about them."""
    from pydantic import ValidationError

    try:
        return load_settings()
    except ValidationError as error:
        found = [f"SIYU_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
        refuse(ValueError("; ".join(found)))
    except ValueError as error:
        refuse(error)


def terminal() -> Console:
    """Return a console on the terminal itself: it stays there while a run sends other output to a file."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else 120)


def refuse(error: Exception) -> NoReturn:
    """End with exit code 2 and the error's text, which says what to do."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else str(error)
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]siyu:[/] {escape(str(text))}")
    raise typer.Exit(EXIT_REFUSED)


def expected_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose text says what to do; anything else is a fault and keeps its traceback."""
    import duckdb

    from activation.contracts import ActivationError
    from common.lake import LakeError
    from common.warehouse import WarehouseBusyError
    from orchestration.dbt_run import DbtError

    return (
        ActivationError,
        DbtError,
        FileNotFoundError,
        LakeError,
        ValueError,
        WarehouseBusyError,
        duckdb.IOException,
    )
