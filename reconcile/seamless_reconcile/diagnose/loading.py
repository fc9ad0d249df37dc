"""Read `patterns.yaml`, and check every word of it: a mistake there must show in the tests, not to users."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from seamless_reconcile.declared import SEAMLESS_TYPES
from seamless_reconcile.diagnose.knowledge import (
    Cause,
    ClientPattern,
    Health,
    Knowledge,
    Owner,
    Scope,
    Step,
    Sure,
    Symptom,
    Variable,
    When,
)
from seamless_reconcile.diagnose.signs import SIGNS

FILE = "patterns.yaml"
PLACES = (
    "name", "key", "on", "host", "type", "package", "environment", "in_env", "raised_in", "workdir",
)  # fmt: skip
"""What texts and commands may have put in."""
MAX_REPEAT = 200
_LITERAL = r"(?:[\w :'/=%-]|\\[\[\].(){}+*?|])"
_SAFE = re.compile(
    rf"{_LITERAL}{{4}}"  # begins with four plain characters
    rf"(?:{_LITERAL}|[\".,;<>@#&!~]|\\[dwsb]|\\d\{{\d,\d{{1,2}}\}}|\.\{{0,\d{{1,3}}\}})*"
)
_VARYING = re.compile(r"(?<!\\)\{(\d+),(\d+)\}")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def linear(expression: str) -> str:
    """Give an expression whose search costs no more than a small multiple of the line's length.

    Raises:
        ValueError: it may cost more: no four plain characters in front, more than one part of varying
            length, a long one, groups, or anything that repeats without end.
    """
    if not _SAFE.fullmatch(expression):
        raise ValueError(f"{expression!r}: not of the small kind of expressions that are allowed here")
    varying = [(int(low), int(high)) for low, high in _VARYING.findall(expression)]
    if len(varying) > 1 or any(high > MAX_REPEAT for _, high in varying):
        raise ValueError(f"{expression!r}: one varying part of at most {MAX_REPEAT} characters is allowed")
    re.compile(expression)
    return expression


def _known_sign(name: str) -> str:
    if name not in SIGNS:
        raise ValueError(f"{name!r} is no sign")
    return name


def _fillable(text: str) -> str:
    left = re.findall(r"\{([^}]*)\}", text)
    if wrong := [name for name in left if name not in PLACES]:
        raise ValueError(f"nothing is put in for {wrong}")
    return text


_Sign = Annotated[str, AfterValidator(_known_sign)]
_Regex = Annotated[str, AfterValidator(linear)]
_Words = Annotated[str, Field(min_length=1), AfterValidator(_fillable)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
_Id = Annotated[str, Field(pattern=r"^D[1-4]\d\d$")]
_Type = Literal["hashserver", "database", "jobserver", "daskserver", "pure_daskserver"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class _Conditioned(_Entry):
    id: _Id
    title: _Words
    all: tuple[_Sign, ...] = ()
    any: tuple[_Sign, ...] = ()
    none: tuple[_Sign, ...] = ()
    types: tuple[_Type, ...] = ()
    next: tuple[_Name, ...] = ()

    def when(self) -> When:
        """Give its condition."""
        return When(*(frozenset(part) for part in (self.all, self.any, self.none, self.types)))


class _Symptom(_Conditioned):
    health: Health
    meaning: _Words
    look: _Words
    fix: str = ""

    @model_validator(mode="after")
    def _has_a_condition(self) -> _Symptom:
        if not (self.all or self.any):
            raise ValueError(f"{self.id}: it would always match")
        return self

    def value(self) -> Symptom:
        """Give it as a value."""
        return Symptom(
            self.id, self.title, self.meaning, self.look, self.health, self.when(), self.fix, self.next
        )


class _Cause(_Conditioned):
    cause: _Words
    fix: _Words
    log: tuple[_Regex, ...] = ()
    scope: Scope = Scope.EXCEPTION
    running: bool = False
    most: Sure = Sure.CERTAIN
    follows: bool = False
    unexplained: bool = False
    live: bool = False

    @model_validator(mode="after")
    def _can_match(self) -> _Cause:
        if self.unexplained == bool(self.log or self.all or self.any):
            raise ValueError(f"{self.id}: it needs `log`, `all` or `any`, or to be `unexplained`")
        return self

    def value(self) -> Cause:
        """Give it as a value."""
        return Cause(
            self.id, self.title, self.cause, self.fix, self.when(), tuple(map(re.compile, self.log)),
            self.scope, self.running, self.most, self.follows, self.unexplained, self.live, self.next,
        )  # fmt: skip


class _ClientPattern(_Entry):
    id: _Id
    kind: _Name
    title: _Words
    meaning: _Words
    look: _Words
    text: Annotated[tuple[_Regex, ...], Field(min_length=1)]
    types: tuple[_Type, ...] = ()
    next: tuple[_Name, ...] = ()

    def value(self) -> ClientPattern:
        """Give it as a value."""
        return ClientPattern(
            self.id, self.kind, self.title, self.meaning, self.look, tuple(map(re.compile, self.text)),
            self.types, self.next,
        )  # fmt: skip


class _Owner(_Entry):
    package: _Name
    program: _Name
    framework: str
    depends: tuple[_Name, ...] = ()
    also: str = ""


class _Step(_Entry):
    text: _Words
    command: _Words
    otherwise: Annotated[str, AfterValidator(_fillable)] = ""


class _Variable(_Entry):
    name: _Name
    effect: _Words
    trap: str = ""


class _File(_Entry):
    version: Literal[1]
    owners: dict[_Type, _Owner]
    modules: dict[_Name, _Name]
    clients: dict[_Name, _Type]
    client_packages: dict[_Name, _Type]
    retried: tuple[_Name, ...]
    advice: dict[_Name, _Words]
    steps: dict[_Name, _Step]
    symptoms: tuple[_Symptom, ...]
    causes: tuple[_Cause, ...]
    client: tuple[_ClientPattern, ...]
    variables: tuple[_Variable, ...]

    @model_validator(mode="after")
    def _agrees(self) -> _File:
        everything: list[_Conditioned | _ClientPattern] = [*self.symptoms, *self.causes, *self.client]
        ids = [one.id for one in everything]
        if len(set(ids)) < len(ids):
            raise ValueError(f"an id twice: {sorted({name for name in ids if ids.count(name) > 1})}")
        if missing := {step for one in everything for step in one.next} - set(self.steps):
            raise ValueError(f"no such steps: {sorted(missing)}")
        if missing := set(SEAMLESS_TYPES) - set(self.owners):
            raise ValueError(f"no owner of {sorted(missing)}")
        if sum(one.unexplained for one in self.causes) != 1:
            raise ValueError("one cause stands for what none explains")
        return self

    def value(self) -> Knowledge:
        """Give all of it as values."""
        return Knowledge(
            tuple(one.value() for one in self.symptoms),
            tuple(one.value() for one in _specific_first(self.causes)),
            tuple(one.value() for one in self.client),
            {name: Owner(**one.model_dump()) for name, one in self.owners.items()},
            dict(self.modules),
            dict(self.clients),
            dict(self.client_packages),
            frozenset(self.retried),
            {name: Step(**one.model_dump()) for name, one in self.steps.items()},
            tuple(Variable(**one.model_dump()) for one in self.variables),
            dict(self.advice),
        )


def _specific_first(causes: Iterable[_Cause]) -> list[_Cause]:
    """Let what is said of one type of service go before what is said of all."""
    return sorted(causes, key=lambda one: not one.types)


def parse(text: str) -> Knowledge:
    """Make the tables of a YAML text.

    Raises:
        ValueError: something in it is wrong (pydantic's, with everything that is).
        yaml.YAMLError: it is no YAML.
    """
    return _File.model_validate(yaml.load(text, _Loader)).value()  # noqa: S506 - a safe loader


@functools.cache
def knowledge() -> Knowledge:
    """Give what this program knows."""
    return parse(resources.files("seamless_reconcile.diagnose").joinpath(FILE).read_text(encoding="utf-8"))
