"""Put environment values into strings: `${VAR}`, `${VAR:-default}`, and `$${` for a literal `${`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from rhl_helpers.secrets import is_secret_name

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")
# What all references of one run may put in, in characters.
SHORTEST = 4
"""Characters of what is hidden: anything shorter would be found everywhere."""
MAX_FILLED = 4 * 1024 * 1024


class Unset(ValueError):
    """A reference that has no value, or is not one.

    Attributes:
        unset: whether it is the variable that is missing.
    """

    def __init__(self, message: str, *, unset: bool = False) -> None:
        super().__init__(message)
        self.unset = unset


class Environment:
    """The environment as one manifest sees it; remembers what was asked.

    Args:
        values: the variables, as in `os.environ`.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._used: dict[str, str] = {}
        self._left = MAX_FILLED

    def fill(self, text: str) -> str:
        """Give the text with its references filled in.

        Raises:
            Unset: a variable is unset (or empty, where a default is given, the default is taken),
                the reference is malformed, or all together put in absurdly much.
        """
        if "${" not in text:
            return text
        return _REFERENCE.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        if found.group() == "$${":
            return "${"
        name, default = found.group("name", "default")
        if name is None:
            raise Unset("`${` begins an environment reference, but it is not ${NAME} or ${NAME:-default}")
        value = self._values.get(name)
        if default is not None and not value:
            value = default
        if value is None:
            raise Unset(f"the environment variable {name} is not set", unset=True)
        self._used[name] = value
        self._left -= len(value)
        if self._left < 0:
            raise Unset("environment values put in more text than is read")
        return value

    @property
    def secrets(self) -> frozenset[str]:
        """The values put in so far that are secret, by the names of their variables."""
        named = (value for name, value in self._used.items() if is_secret_name(name))
        return frozenset(value for value in named if len(value) >= SHORTEST)

    def digest(self, into: hashlib._Hash) -> None:
        """Add what was put in to a hash, in an order that does not depend on the manifest's."""
        for name in sorted(self._used):
            into.update(f"\0{name}\0{self._used[name]}".encode("utf-8", "surrogatepass"))
