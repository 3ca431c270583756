"""Numbers that depend on nothing but a seed, a name and an index: whole columns of them at once.

Random generators draw in order, so that the millionth person needs all before it. These need no order, are the
same on every machine and with every version of NumPy, and a column of a million takes some milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]


class Dice:
    """Columns for the indexes 0 to ``size`` - 1 of one kind of thing."""

    def __init__(self, seed: int, kind: str, size: int) -> None:
        self._seed, self._kind = seed, kind
        self._indexes = np.arange(size, dtype=np.uint64)

    def shares(self, name: str) -> Numbers:
        """Return uniform numbers in [0, 1)."""
        return (self._mixed(name) >> np.uint64(11)).astype(np.float64) / float(1 << 53)

    def below(self, name: str, limit: int) -> Numbers:
        """Return whole numbers 0 to ``limit`` - 1 (int32)."""
        return (self.shares(name) * limit).astype(np.int32)

    def choices(self, name: str, weights: Sequence[float]) -> Numbers:
        """Return indexes into ``weights``, drawn by them (int8)."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges, self.shares(name) * edges[-1], side="right").astype(np.int8)

    def _mixed(self, name: str) -> Numbers:
        digest = hashlib.sha256(f"{self._seed}:{self._kind}:{name}".encode()).digest()
        start = np.uint64(int.from_bytes(digest[:8]))
        with np.errstate(over="ignore"):  # splitmix64 works modulo 2**64
            mixed = self._indexes * np.uint64(0x9E3779B97F4A7C15) + start
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
