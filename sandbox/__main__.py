"""``siyu sandbox`` or ``python -m sandbox``: run the sandbox in the foreground."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import socket
import sys
from pathlib import Path

from common.pii import MIN_KEY_BYTES
from sandbox.calendar import FIRST_DAY, LAST_DAY, ZONE
from sandbox.credentials import as_environment
from sandbox.faults import ALL, FAULTS, FaultPlan, UnknownFaultError, plan_of
from sandbox.runner import HOST, listen, serve, write_truth
from sandbox.server import TOKEN_TTL_SECONDS
from sandbox.state import WrongStateError
from sandbox.world import DEFAULT_SEED, FEWEST_CUSTOMERS, MOST_CUSTOMERS, WorldOptions, options_for

_FAULTS_HELP = "\n".join(f"  {name:22}{about}" for name, about in FAULTS.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="siyu sandbox",
        description="A local stand-in for the servers of WeChat and WeCom (docs/sandbox.md).",
        epilog=f"faults ({ALL} for every one, -NAME takes one out again):\n{_FAULTS_HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    world = parser.add_argument_group("world")
    world.add_argument(
        "--customers",
        type=int,
        default=None,
        help=f"{FEWEST_CUSTOMERS:,} to {MOST_CUSTOMERS:,}; default 3,069",
    )
    world.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same options and seed, same world")
    world.add_argument("--day", type=dt.date.fromisoformat, default=None, help="last day shown, of 2017")
    for name in ("--buyers", "--extra-people", "--shop-orders", "--crowd"):
        world.add_argument(name, type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=8765, help="default 8765; 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, default=Path("var/sandbox"), help="where marks are kept")
    parser.add_argument("--token-ttl", type=float, default=TOKEN_TTL_SECONDS, help="seconds a token lives")
    parser.add_argument("--truth", type=Path, default=None, help="write what is true at the day to this file")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--faults", default="", help="names with commas between, see below")
    faults.add_argument("--fault-seed", type=int, default=FaultPlan.seed, help="same seed, same faults")
    faults.add_argument("--fault-rate", type=float, default=FaultPlan.rate, help="share of requests, 0 to 1")
    parser.add_argument("--listener", type=int, default=None, help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; returns the exit code."""
    asked = _parser().parse_args(arguments)
    inherited = asked.listener is not None
    try:
        options = _options(asked)
        plan = plan_of(asked.faults.split(","), seed=asked.fault_seed, rate=asked.fault_rate)
        key = _pii_key()
        listener = socket.socket(fileno=asked.listener) if inherited else listen(asked.port)
        with listener, contextlib.suppress(KeyboardInterrupt):
            if asked.truth:
                told = write_truth(
                    options, asked.truth, state_dir=asked.state_dir, day=asked.day, pii_key=key
                )
                print(f"{asked.truth}: what is true of {told:,} records", flush=True)
            if not inherited:
                _say_where(f"http://{HOST}:{listener.getsockname()[1]}", plan, asked.day)
            serve(
                options,
                listener,
                state_dir=asked.state_dir,
                day=asked.day,
                token_ttl_seconds=asked.token_ttl,
                faults=plan,
                pii_key=key,
                until_stdin_closes=inherited,
            )
    except (OSError, ValueError, WrongStateError, UnknownFaultError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


def _options(asked: argparse.Namespace) -> WorldOptions:
    details = {
        "buyers": asked.buyers,
        "extra_people": asked.extra_people,
        "shop_orders": asked.shop_orders,
        "crowd": asked.crowd,
    }
    given = {name: value for name, value in details.items() if value is not None}
    if asked.customers is None:
        return WorldOptions(seed=asked.seed, **given)
    if given:
        raise ValueError(f"--customers: expected no {', '.join(given)} beside it; give one or the other")
    return options_for(asked.customers, asked.seed)


def _pii_key() -> bytes | None:
    """Return the key of the home beside, where the environment holds it: the truth about leads needs it."""
    key = os.environ.get("SIYU_PII_KEY", "").encode()
    if key and len(key) < MIN_KEY_BYTES:
        raise ValueError(f"SIYU_PII_KEY: expected at least {MIN_KEY_BYTES} bytes, got {len(key)}")
    return key or None


def _say_where(base_url: str, plan: FaultPlan, day: dt.date | None) -> None:
    print(f"sandbox at {base_url}; point Siyu at it with:")
    when = {
        "SIYU_BUSINESS_TIMEZONE": ZONE.key,
        "SIYU_FIRST_DAY": FIRST_DAY.isoformat(),
        "SIYU_LAST_DAY": (day or LAST_DAY).isoformat(),
    }
    for name, value in {**as_environment(base_url), **when}.items():
        print(f"export {name}={value}")
    if plan.names:
        print(f"faults on: {', '.join(plan.names)} (seed {plan.seed}, rate {plan.rate})")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
