"""Tells the group that watches over the runs what went wrong: what failed, what is held, and where to look.

Only names of ours: runs, days, steps, segments, kinds of errors. Texts of errors and verdicts stay in the home:
they may quote what a customer or a platform wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from common.settings import Settings

ALERTED_TAG = "siyu/alerted"
"""On a run that the group was told of, so that nobody tells it twice."""
_MOST_NAMES = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What went wrong with a run, or (no ``run_id``) before there was one.

    ``errors`` are failed steps with the kind of error, ``held`` segment codes.
    """

    job: str
    run_id: str
    day: str | None = None
    errors: Sequence[str] = ()
    held: Sequence[str] = ()
    was_killed: bool = False

    def markdown(self) -> str:
        """Return the message, Chinese and English."""
        if self.was_killed:
            title = "运行被中断 Run was killed"
        elif self.errors:
            title = "运行失败 Run failed"
        else:
            title = "人群被扣住 Segments held"
        run = f"run `{self.run_id[:8]}`" if self.run_id else None
        lines = [
            f'**Siyu：<font color="warning">{title}</font>**',
            f"> {'，'.join(filter(None, (self.job, self.day, run)))}",
        ]
        if self.errors:
            lines.append(f"> 失败步骤 failed: {_listed(self.errors)}")
        if self.held:
            lines.append(f"> 人群被扣住，保持原样 held, as before: {_listed(self.held)}")
        lines.append("> 查看 look: `siyu status`，`siyu gate list`，Dagster")
        return "\n".join(lines)


def alert(settings: Settings, trouble: Trouble) -> str | None:
    """Tell the group; return why it could not be told, None when it was or when no robot is set.

    Never raises: an alert that fails must not fail what it tells of.
    """
    if settings.alert_webhook is None:
        return None
    from activation.robot import Robot, RobotError

    try:
        Robot(settings).tell(trouble.markdown())
    except RobotError as error:
        _log.warning("alert: %s", error)
        return str(error)
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" … +{len(names) - _MOST_NAMES}" if len(names) > _MOST_NAMES else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST_NAMES]) + more
