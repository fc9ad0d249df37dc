"""What is known of how services fail: values, made from `patterns.yaml` by `loading`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Sure(str, Enum):
    """How sure a diagnosis is."""

    CERTAIN = "certain"  # state and log say the same, and the log ends with it
    LIKELY = "likely"  # it fits all that was seen
    POSSIBLE = "possible"  # it fits, and so may something else

    @property
    def rank(self) -> int:
        """Count from the surest, 0."""
        return ("certain", "likely", "possible").index(self.value)


class Health(str, Enum):
    """What a symptom says of a service."""

    WELL = "well"
    WRONG = "wrong"
    UNTOLD = "untold"  # it could not be told


class Scope(str, Enum):
    """Where in a text a pattern may stand."""

    EXCEPTION = "exception"  # in the last line of a traceback
    LINE = "line"  # in any line outside of tracebacks


@dataclass(frozen=True, slots=True)
class When:
    """A condition on the signs of one service.

    Attributes:
        all: each of these must be there.
        any: if not empty, one of these must be there.
        none: none of these may be there.
        types: if not empty, the service must be of one of these types.
    """

    all: frozenset[str] = frozenset()
    any: frozenset[str] = frozenset()
    none: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def holds(self, signs: frozenset[str], kind: str) -> bool:
        """Tell whether it holds."""
        if self.types and kind not in self.types:
            return False
        if self.any and not self.any & signs:
            return False
        return self.all <= signs and not self.none & signs


@dataclass(frozen=True, slots=True)
class Symptom:
    """What state evidence shows; the first that matches is the service's.

    Attributes:
        title: a few words that follow "NAME on HOST:".
        meaning: what that means.
        look: where to look.
        fix: where to fix it, where the symptom alone tells; may be empty.
        next: names of steps.
    """

    id: str
    title: str
    meaning: str
    look: str
    health: Health
    when: When
    fix: str = ""
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it may be so, by what a log says or by signs alone.

    Attributes:
        log: any of these makes it match; empty where signs alone do.
        scope: where in the log these may stand.
        running: whether it is worth telling of a service that is well.
        most: how sure it can get.
        follows: whether it is only what another cause leads to: told after those.
        unexplained: whether it stands for a traceback that no other cause explains.
        live: whether what is fixed locally is not fixed where the service runs.
    """

    id: str
    title: str
    cause: str
    fix: str
    when: When
    log: tuple[re.Pattern[str], ...] = ()
    scope: Scope = Scope.EXCEPTION
    running: bool = False
    most: Sure = Sure.CERTAIN
    follows: bool = False
    unexplained: bool = False
    live: bool = False
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientPattern:
    """What an error of a client means.

    Attributes:
        text: any of these in the text makes it match.
        kind: one word for programs.
        types: the service types it speaks of, where the text itself tells.
    """

    id: str
    kind: str
    title: str
    meaning: str
    look: str
    text: tuple[re.Pattern[str], ...]
    types: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Which package, and whose repo, a type of service comes from."""

    package: str
    program: str
    framework: str
    depends: tuple[str, ...] = ()
    also: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next.

    Attributes:
        text: why.
        command: the command, with names to put in.
        otherwise: the same for a service that no manifest names; empty: there is none.
    """

    text: str
    command: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of this client that has a say."""

    name: str
    effect: str
    trap: str = ""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All tables.

    Attributes:
        owners: by service type.
        modules: top-level module or file name -> its package, for Seamless's own.
        clients: file of a client -> the service type it talks to.
        client_packages: the same by package, where no file tells.
        retried: exception names that a client retries before it gives up.
        advice: texts by name.
    """

    symptoms: tuple[Symptom, ...]
    causes: tuple[Cause, ...]
    client: tuple[ClientPattern, ...]
    owners: Mapping[str, Owner]
    modules: Mapping[str, str]
    clients: Mapping[str, str]
    client_packages: Mapping[str, str]
    retried: frozenset[str]
    steps: Mapping[str, Step]
    variables: tuple[Variable, ...]
    advice: Mapping[str, str] = field(default_factory=dict)
