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
    """

    world: World
    state: SandboxState
    view: View
    pii_key: bytes | None = None

    def show(self, day: dt.date | None) -> None:
        """Show the world as it was at the end of a New York day; None shows the whole year."""
        self.view = View(self.world, day)
