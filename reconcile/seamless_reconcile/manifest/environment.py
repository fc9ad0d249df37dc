"""Put environment values into strings: `${VAR}`, `${VAR:-default}`, and `$${` for a literal `${`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")
MAX_TEXT = 64 * 1024


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

    def fill(self, text: str) -> str:
        """Give the text with its references filled in.

        Raises:
            Unset: a variable is unset (or empty, where a default is given, the default is taken),
                the reference is malformed, or the result is absurdly long.
        """
        if "${" not in text:
            return text
        filled = _REFERENCE.sub(self._value, text)
        if len(filled) > MAX_TEXT:
            raise Unset("the text with its environment values is too long")
        return filled

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
        return value

    def digest(self, into: hashlib._Hash) -> None:
        """Add what was put in to a hash, in an order that does not depend on the manifest's."""
        for name in sorted(self._used):
            into.update(f"\0{name}\0{self._used[name]}".encode("utf-8", "surrogatepass"))
