"""The demo's home: Complete Journey orders, a made world, and a sandbox that plays WeChat and WeCom.

What a home is for stands in its own settings file, so `siyu run`, `siyu dev` and the others work on the
demo's home without being told again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from common.settings import Settings, home_file, load_settings
from orchestration.headless import RunOutcome, run_daily

Line = Callable[[str], None]

# The year of the data; its shop stood in New York.
FIRST_DAY = dt.date(2017, 1, 1)
LAST_DAY = dt.date(2017, 12, 31)
ZONE = "America/New_York"


class DemoHomeError(ValueError):
    """The home already holds something else."""


def run_demo(
    settings: Settings, *, as_of: dt.date | None = None, buyers: int | None = None, line: Line = print
) -> tuple[Settings, RunOutcome]:
    """Make ``settings.home`` the demo's home and run the whole line; return its settings and how it ended.

    ``buyers`` takes only so many households into the made world. The orders are always all of them.

    Raises:
        DemoHomeError: the home was used for something else.
    """
    demo = prepare_demo_home(settings, buyers=buyers)
    with outside(demo, line=line) as reachable:
        line("members  the brand's register goes into the inbox, with a few broken lines")
        _drop_members(demo)
        return demo, run_daily(reachable, as_of=as_of or LAST_DAY, line=line)


def prepare_demo_home(settings: Settings, *, buyers: int | None = None) -> Settings:
    """Write the demo's settings into the home, and return the settings as they are now.

    Raises:
        DemoHomeError: the home was used for something else.
    """
    path = home_file(settings.home)
    if not path.exists():
        if settings.lake_dir.exists():
            raise DemoHomeError(
                f"{settings.home} holds other data; give the demo its own: SIYU_HOME=var-demo siyu demo"
            )
        wanted = {
            "SIYU_BUSINESS_TIMEZONE": ZONE,
            "SIYU_FIRST_DAY": FIRST_DAY.isoformat(),
            "SIYU_LAST_DAY": LAST_DAY.isoformat(),
            "SIYU_COMPLETE_JOURNEY": "true",
            "SIYU_SANDBOX": "true",
            # The sandbox has no quota; 2,000 a minute would make its 3,000 orders wait.
            "SIYU_API_CALLS_PER_MINUTE": "100000",
            "SIYU_ACTIVATION_MODE": "live",
            **({"SIYU_SANDBOX_BUYERS": str(buyers)} if buyers else {}),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}={value}" for name, value in wanted.items()]
        path.write_text("\n".join(["# Written by `siyu demo`: this home is the demo's.", *lines, ""]))
    demo = load_settings()
    if not demo.sandbox:
        raise DemoHomeError(f"{path} is there and has no SIYU_SANDBOX=true; set SIYU_HOME to an empty folder")
    return demo


@contextlib.contextmanager
def outside(settings: Settings, *, line: Line) -> Iterator[Settings]:
    """Yield settings whose hosts can be reached: with ``SIYU_SANDBOX`` a sandbox runs meanwhile."""
    if not settings.sandbox:
        yield settings
        return
    from sandbox.runner import running
    from sandbox.world import WorldOptions

    with running(WorldOptions(buyers=settings.sandbox_buyers), settings.home / "sandbox") as base_url:
        line(f"sandbox  plays WeChat and WeCom at {base_url}")
        yield with_sandbox(settings, base_url)


def with_sandbox(settings: Settings, base_url: str) -> Settings:
    """Return the settings with a running sandbox in place of the real hosts."""
    from sandbox.credentials import as_environment

    hosts = {name.removeprefix("SIYU_").lower(): value for name, value in as_environment(base_url).items()}
    return Settings(**{**settings.model_dump(), **hosts})


def _drop_members(settings: Settings) -> None:
    """Put the member register into the inbox; the same world writes the same bytes, so it is loaded once."""
    import ingestion
    from sandbox.members import write_members
    from sandbox.world import WorldOptions, build_world

    folder = settings.inbox_dir / "miniprogram" / "members"
    folder.mkdir(parents=True, exist_ok=True)
    mapping = Path(ingestion.__file__).parent / "mappings" / "sandbox_members.yml"
    shutil.copyfile(mapping, folder / "mapping.yml")
    if not (folder / "members.csv").exists():
        world = build_world(WorldOptions(buyers=settings.sandbox_buyers))
        write_members(world, folder / "members.csv")
