"""Many directories of one host, found by where they lie: no rule needs to compare every pair.

What counts as near is said in `paths`; here stands only how it is found soon.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from seamless_reconcile.paths import ancestors, expand, may_overlap

T = TypeVar("T")


class Nearby(Generic[T]):
    """Values by the directory they belong to, given back in the order they were put in.

    Args:
        items: directories with their values; one directory may have several.
        home: what "~" stands for; None where that is not known, and such a path is another kind.
    """

    def __init__(self, items: Iterable[tuple[str, T]], home: str | None = None) -> None:
        self._home = home
        self._values: list[T] = []
        self._places: dict[str, list[int]] = {}
        for path, value in items:
            self._places.setdefault(self._plain(path), []).append(len(self._values))
            self._values.append(value)
        self._sorted = sorted(self._places)

    def at(self, path: str) -> list[T]:
        """Give what belongs to this very directory."""
        return self._give((self._plain(path),))

    def above(self, path: str) -> list[T]:
        """Give what belongs to a directory in which this one lies (`paths.contains`)."""
        return self._give(ancestors(self._plain(path)))

    def below(self, path: str) -> list[T]:
        """Give what belongs to a directory that lies in this one (`paths.contains`)."""
        return self._give(self._descendants(self._plain(path)))

    def touching(self, path: str) -> list[T]:
        """Give what belongs to a directory that may overlap this one (`paths.may_overlap`)."""
        plain = self._plain(path)
        near = [plain, *ancestors(plain), *self._descendants(plain)]
        return self._give([*near, *self._doubtful(plain)])

    def _plain(self, path: str) -> str:
        # The root is "", so that it is a prefix like any other.
        return expand(path, self._home).rstrip("/")

    def _descendants(self, plain: str) -> list[str]:
        first = bisect_left(self._sorted, plain + "/")
        # "0" is the character after "/".
        return self._sorted[first : bisect_left(self._sorted, plain + "0", lo=first)]

    def _doubtful(self, plain: str) -> Iterator[str]:
        """Give directories of the other kind: below a home that nobody knows, or not."""
        if plain.startswith("~"):
            kind = [other for other in self._sorted if not other.startswith("~")]
        else:
            # All that begins with "~" stands together.
            kind = self._sorted[bisect_left(self._sorted, "~") : bisect_left(self._sorted, "\x7f")]
        return (other for other in kind if may_overlap(other or "/", plain or "/", None))

    def _give(self, keys: Iterable[str]) -> list[T]:
        found = {index for key in keys for index in self._places.get(key, ())}
        return [self._values[index] for index in sorted(found)]
