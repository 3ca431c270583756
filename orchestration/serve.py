"""Starts Dagster's own web server and daemon on this home, for `siyu dev`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType

from common.settings import Settings, child_environment
from orchestration.dbt_run import prepare_manifest
from orchestration.demo import outside
from orchestration.home import fail_stale_runs, open_instance, prepare_dagster_home

Line = Callable[[str], None]
HOST = "127.0.0.1"


def serve_ui(settings: Settings, *, port: int, line: Line) -> int:
    """Serve the UI until it ends or is interrupted; return its exit code. It listens on this machine only.

    Raises:
        DbtError: the dbt project does not parse.
    """
    line("reading the dbt project")
    prepare_manifest(settings)
    with open_instance(settings) as instance:
        for run_id in fail_stale_runs(settings, instance):
            line(f"[yellow]![/] run {run_id[:8]} had been killed; marked as failed")
    with outside(settings, line=line) as reachable:
        # Also where a shell started us with SIGINT ignored: Dagster's processes end by it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _interrupt)
        line(f"Dagster  http://{HOST}:{port}  (Ctrl+C ends it)")
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dagster",
                "dev",
                "-m",
                "orchestration.definitions",
                "-h",
                HOST,
                "-p",
                str(port),
            ],
            env=dagster_environment(reachable),
        )
        return _wait(child)


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of Dagster's processes: ours, with this home and the hosts reachable now."""
    hosts = {
        f"SIYU_{name.upper()}": value
        for name in (
            "wecom_base_url",
            "wecom_corp_id",
            "wechat_base_url",
            "shop_app_id",
            "finder_app_id",
            "official_app_id",
            "miniprogram_app_id",
        )
        if (value := getattr(settings, name))
    }
    secrets = {
        f"SIYU_{name.upper()}": value.get_secret_value()
        for name in ("wecom_secret", "shop_secret", "finder_secret", "official_secret", "miniprogram_secret")
        if (value := getattr(settings, name))
    }
    home = {"SIYU_HOME": str(settings.home), "DAGSTER_HOME": str(prepare_dagster_home(settings))}
    return child_environment(with_settings=True, extra={**hosts, **secrets, **home})


def _wait(child: subprocess.Popen[bytes]) -> int:
    try:
        return child.wait()
    except KeyboardInterrupt:  # Ctrl+C has reached the child too; a second signal does no harm
        child.send_signal(signal.SIGINT)
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.terminate()
            child.wait()
        return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
