"""Keep secrets out of what is shown, recorded and reported.

What counts as one: the value of an option, assignment or environment variable whose name says so (password,
passphrase, secret, token, credential, API, access or private key), what stands before the `@` of an address,
and what follows `Bearer` or `Basic`. A secret that nothing names cannot be told from any other word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
_SAYS_SO = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|(?:api|access|private)[_-]?key", re.IGNORECASE
)
# What names a file or a place holds no secret itself.
_PLACE = re.compile(r"(?:file|path|dir|url|host|name)s?$", re.IGNORECASE)
_MAX_NAME = 80
# Each begins at the start of a word, and a name is short: no text takes longer than its length.
_OPTION = re.compile(rf"(?<!\S)(?P<name>--?[\w.-]{{3,{_MAX_NAME}}})\s+(?P<value>[^\s-]\S*)")
_SET = re.compile(
    rf"(?<![\w.-])(?P<name>[\w.-]{{3,{_MAX_NAME}}})(?P<sign>[\"']?\s?[=:]\s?[\"']?)(?P<value>[^\s\"'&,;}}]+)"
)
_USER = re.compile(r"(?<=://)[^/@\s]{1,500}@")
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
# Nothing of all that is in a text without one of these.
_ANY = re.compile(r"pass|secret|token|credential|key|@|bearer|basic", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Tell whether a name says that its value is a secret."""
    return len(name) <= _MAX_NAME and _SAYS_SO.search(name) is not None and _PLACE.search(name) is None


def redacted(text: str) -> str:
    """Give a text with the secrets in it hidden."""
    if _ANY.search(text) is None:
        return text
    text = _USER.sub(f"{HIDDEN}@", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _OPTION.sub(lambda found: _hide(found, " "), text)
    return _SET.sub(lambda found: _hide(found, found["sign"]), text)


def _hide(found: re.Match[str], sign: str) -> str:
    secret = is_secret_name(found["name"].lstrip("-"))
    return f"{found['name']}{sign}{HIDDEN}" if secret else found.group()


def redacted_words(words: Iterable[str], values: Iterable[str] = ()) -> list[str]:
    """Give a command line with the secrets in it hidden.

    Args:
        words: the command line.
        values: what is a secret wherever it stands.
    """
    known = [value for value in values if value]
    shown: list[str] = []
    after = False
    for word in words:
        option = word.startswith("-")
        shown.append(HIDDEN if after and not option else redacted(without(word, known)))
        after = option and "=" not in word and is_secret_name(word.lstrip("-"))
    return shown


def without(text: str, values: Iterable[str]) -> str:
    """Give a text without certain values."""
    for value in values:
        text = text.replace(value, HIDDEN)
    return text
