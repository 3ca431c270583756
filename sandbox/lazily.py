"""Lists and mappings whose items are made when somebody looks, so that a million of them cost no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

import numpy.typing as npt

T = TypeVar("T")
K = TypeVar("K")


class MadeList(Sequence[T]):
    """The items ``make(index)`` of an array of indexes, in its order."""

    def __init__(self, indexes: npt.NDArray[Any], make: Callable[[int], T]) -> None:
        self._indexes, self._make = indexes, make

    def __len__(self) -> int:
        return len(self._indexes)

    @overload
    def __getitem__(self, position: int) -> T: ...
    @overload
    def __getitem__(self, position: slice) -> list[T]: ...
    def __getitem__(self, position: int | slice) -> T | list[T]:
        if isinstance(position, slice):
            return [self._make(index) for index in self._indexes[position].tolist()]
        return self._make(int(self._indexes[position]))

    def __iter__(self) -> Iterator[T]:
        return (self._make(int(index)) for index in self._indexes)


class MadeOnce(Sequence[T]):
    """A list that is made as a whole when somebody first looks."""

    def __init__(self, make: Callable[[], list[T]]) -> None:
        self._make = make

    @cached_property
    def _items(self) -> list[T]:
        return self._make()

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, position: int) -> T: ...
    @overload
    def __getitem__(self, position: slice) -> list[T]: ...
    def __getitem__(self, position: int | slice) -> T | list[T]:
        return self._items[position]


class MadeMapping(Mapping[K, T], Generic[K, T]):
    """A dict, and behind it items that are found by ``find(key)`` (None: no such) or named by ``keys()``."""

    def __init__(
        self,
        held: Mapping[K, T],
        find: Callable[[K], T | None],
        keys: Callable[[], Iterable[K]],
        count: int,
    ) -> None:
        self._held, self._find, self._keys, self._count = held, find, keys, count

    def __getitem__(self, key: K) -> T:
        if key in self._held:
            return self._held[key]
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[K]:
        yield from self._held
        yield from self._keys()

    def __len__(self) -> int:
        return len(self._held) + self._count


def sliced(lists: Iterable[Sequence[T]], start: int, count: int) -> list[T]:
    """Return ``count`` items from ``start`` on of the lists put one after the other."""
    found: list[T] = []
    for each in lists:
        if start >= len(each):
            start -= len(each)
            continue
        found += each[start : start + count - len(found)]
        start = 0
        if len(found) == count:
            break
    return found
