"""What the handlers share: the world, the present view of it, and what was changed from outside."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sandbox.state import SandboxState
from sandbox.view import View
from sandbox.world import World


@dataclass
class Desk:
    """One running sandbox. ``view`` is replaced when somebody moves the sandbox's day.

    ``pii_key`` is the home's key of keyed hashes, where it is known: the truth about leads needs it.
    ``messages_per_month`` is the most that a customer or group gets of mass messages; None: as the month has days.
    """

    world: World
    state: SandboxState
    view: View
    pii_key: bytes | None = None
    moment: int | None = None
    messages_per_month: int | None = None

    @property
    def now(self) -> int:
        """The present second for what clients send: within the shown day, or at its end."""
        return self.view.until if self.moment is None else self.moment

    def show(self, day: dt.date | None, moment: int | None = None) -> None:
        """Show the world as it was at the end of a New York day; None shows the whole year.

        ``moment`` is the unix second at which clients' messages are created and staff send them.
        """
        self.view, self.moment = View(self.world, day), moment
