"""The cache of the project: a bounded store of values that would otherwise be computed again."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps the values that were used last; callers share them and must not change one in place.

    Args:
        limit: total size of all values that are kept; a larger value is not kept at all.
        size: size of one value, in the unit of `limit`. None: every value counts one.
    """

    def __init__(self, limit: int, size: Callable[[T], int] | None = None) -> None:
        self._kept: LRUCache[Hashable, T] = LRUCache(limit, size)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of `key`; call `make` for it where it is not kept."""
        try:
            return self._kept[key]
        except KeyError:
            value = make()
        if self._kept.getsizeof(value) <= self._kept.maxsize:
            self._kept[key] = value
        return value
