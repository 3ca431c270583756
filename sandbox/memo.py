"""What is worked out once for a view of the world, and anew when the sandbox's day moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sandbox.desk import Desk
from sandbox.view import View

T = TypeVar("T")


class PerView(Generic[T]):
    """Calls ``work_out(view)`` at the first question about a view and remembers the answer for that view."""

    def __init__(self, desk: Desk, work_out: Callable[[View], T]) -> None:
        self._desk, self._work_out = desk, work_out
        self._last: tuple[View, T] | None = None

    def __call__(self) -> T:
        """Return the answer for the desk's present view."""
        view = self._desk.view
        if self._last is None or self._last[0] is not view:
            self._last = view, self._work_out(view)
        return self._last[1]
