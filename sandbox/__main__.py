"""``python -m sandbox --port 8765``: run the sandbox in the foreground."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import socket
import sys
from pathlib import Path

from sandbox.credentials import as_environment
from sandbox.runner import HOST, listen, serve
from sandbox.server import TOKEN_TTL_SECONDS
from sandbox.state import WrongStateError
from sandbox.world import DEFAULT_SEED, WorldOptions


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local stand-in for WeChat and WeCom"
    )
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--state-dir", type=Path, default=Path("var/sandbox"), help="where marks are kept")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--buyers", type=int, default=None, help="households to take (default: all)")
    parser.add_argument("--extra-people", type=int, default=WorldOptions.extra_people)
    parser.add_argument("--shop-orders", type=int, default=None)
    parser.add_argument("--day", type=dt.date.fromisoformat, default=None, help="last day shown (YYYY-MM-DD)")
    parser.add_argument("--token-ttl", type=float, default=TOKEN_TTL_SECONDS, help="seconds a token lives")
    parser.add_argument("--listener", type=int, default=None, help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; returns the exit code."""
    asked = _parser().parse_args(arguments)
    options = WorldOptions(asked.seed, asked.buyers, asked.extra_people, asked.shop_orders)
    inherited = asked.listener is not None
    try:
        listener = socket.socket(fileno=asked.listener) if inherited else listen(asked.port)
        with listener, contextlib.suppress(KeyboardInterrupt):
            if not inherited:
                base_url = f"http://{HOST}:{listener.getsockname()[1]}"
                lines = [f"export {name}={value}" for name, value in as_environment(base_url).items()]
                print(f"sandbox at {base_url}; point Siyu at it with:", *lines, sep="\n", flush=True)
            serve(
                options,
                listener,
                state_dir=asked.state_dir,
                day=asked.day,
                token_ttl_seconds=asked.token_ttl,
                until_stdin_closes=inherited,
            )
    except (OSError, ValueError, WrongStateError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
