"""Which of the identities that a service may have resolve to what was found, and how to write them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.audit.adopt import words_of
from seamless_reconcile.declared import (
    PERSISTENT_TYPES,
    CacheDeclaration,
    Entry,
    Identity,
    Location,
    Problem,
    ServiceState,
    TunnelState,
)
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.importing.guesses import ASKED, KEY, META, Guess, from_key, from_meta, relevant
from seamless_reconcile.importing.values import IDENTITY, Form, Found, Variant
from seamless_reconcile.kinds.service import same_command
from seamless_reconcile.manifest.rules import MAX_SECONDS
from seamless_reconcile.resolver.landscape import Landscape

Resolver = Callable[[Sequence[Entry]], "list[ServiceSpec | tuple[Problem, ...]]"]
"""Resolve entries one by one; see `resolver.landscape.resolve_each`."""

_DASK = ("daskserver", "pure_daskserver")
# Where an identity has none of these, the folder's own files may still select one.
_SELECTED = ("subproject", "stage", "substage")
_TIMEOUT = "--timeout"
_SECONDS = re.compile(r"[1-9][0-9]{0,8}")
_HERE = Location("", 0, 0)
_NULL = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to write an identity that may be a service's.

    Attributes:
        fields: what the entry would say; None is null.
    """

    guess: Guess
    fields: Mapping[str, Any]

    def entry(self) -> Entry:
        """Give it as a manifest's entry."""
        named = {name: value for name, value in self.fields.items() if name in IDENTITY}
        said = {name: _NULL if value is None else value for name, value in named.items()}
        return Entry(
            "imported", self.guess.type, Identity(**said), ServiceState.RUNNING, CacheDeclaration(),
            TunnelState.AUTO, self.fields.get("idle_timeout"), (), protect=False, launcher=None, at=_HERE,
        )  # fmt: skip


def identities(
    found: Sequence[Found], known: Landscape, resolve: Resolver
) -> list[tuple[tuple[Variant, ...], str]]:
    """Give for each service the ways to write it as an identity, and why there is none."""
    told = [_candidates(one, known) for one in found]
    specs = iter(resolve([c.entry() for candidates, _ in told for c in candidates]))
    return [
        _chosen(one, candidates, list(itertools.islice(specs, len(candidates))), wrong)
        for one, (candidates, wrong) in zip(found, told, strict=True)
    ]


def _candidates(found: Found, known: Landscape) -> tuple[list[Candidate], str]:
    guesses, wrong = _guesses(found, known)
    candidates = [Candidate(guess, fields) for guess in guesses for fields in _spellings(guess, found, known)]
    return candidates, wrong


def _guesses(found: Found, known: Landscape) -> tuple[list[Guess], str]:
    if found.identity is not None:
        values = dict(found.identity)
        return [Guess(str(values.pop("service")), values, ASKED)], ""
    told, wrong = from_meta(found.row.meta) if found.row else (None, "")
    if told and not told.silent and told.values["cluster"] not in known.clusters:
        cluster = told.values["cluster"]
        at_fault = cluster in known.faulty
        wrong = f"its cluster {cluster} is " + (
            "at fault in your cluster files" if at_fault else "not known here"
        )
        told = None
    rest = [
        guess for guess in from_key(found.key, known.clusters) if told is None or guess.values != told.values
    ]
    return ([told] if told else []) + rest, wrong


def _spellings(guess: Guess, found: Found, known: Landscape) -> Iterator[dict[str, Any]]:
    """Give the ways to write an identity, the plainest first."""
    if guess.silent:
        base = {"mode": guess.values["mode"]} if guess.values.get("mode") == "ro" else {}
        yield from ({**base, **timeout} for timeout in _timeouts(found))
        return
    cluster = known.clusters[str(guess.values["cluster"])]
    plain = {name: value for name, value in guess.values.items() if value is not None}
    if plain.get("mode") == "rw":
        del plain["mode"]
    none = [name for name in _SELECTED if name in relevant(guess.type) and guess.values.get(name) is None]
    nulls: list[dict[str, Any]] = [{}, dict.fromkeys(none)] if none else [{}]
    machines: list[dict[str, Any]] = [{}]
    machines += [{"frontend": name} for name, m in cluster.machines.items() if m.host == found.host]
    queues: list[dict[str, Any]] = [{}]
    if guess.type in _DASK and guess.values.get("queue") is None:
        queues += [{"queue": name} for name in cluster.queues]
    for parts in itertools.product(nulls, machines, queues, _timeouts(found)):
        fields = {**plain, **{name: value for part in parts for name, value in part.items()}}
        order = (*IDENTITY, "idle_timeout")
        yield {name: fields[name] for name in order if name in fields}


def _timeouts(found: Found) -> list[dict[str, Any]]:
    """Give nothing, and the idle time that the service was launched with."""
    words = words_of(found.row) if found.row else []
    if _TIMEOUT not in words[:-1]:
        return [{}]
    said = words[words.index(_TIMEOUT) + 1]
    if not _SECONDS.fullmatch(said) or int(said) > MAX_SECONDS:
        return [{}]
    return [{}, {"idle_timeout": int(said)}]


# --- which of them it is -------------------------------------------------------------------


def _chosen(
    found: Found,
    candidates: Sequence[Candidate],
    specs: Sequence[ServiceSpec | tuple[Problem, ...]],
    wrong: str,
) -> tuple[tuple[Variant, ...], str]:
    fitting = [
        (candidate, spec)
        for candidate, spec in zip(candidates, specs, strict=True)
        if isinstance(spec, ServiceSpec) and _fits(found, candidate.guess, spec)
    ]
    if not fitting:
        return (), wrong or _why_not(found, candidates, specs)
    fitting.sort(key=lambda pair: _distance(found, *pair))
    best = fitting[0][0]
    # Whose names run together with it, if anybody's.
    mine = _place(best.guess)
    rivals = [c for c, spec in fitting if _place(c.guess) != mine and not _differs(found, spec)]
    return (_variant(found, *fitting[0], rivals),), wrong


def _place(guess: Guess) -> dict[str, str | None]:
    """Give an identity without its queue, which not every key tells."""
    return {name: value for name, value in guess.values.items() if name != "queue"}


def _fits(found: Found, guess: Guess, spec: ServiceSpec) -> bool:
    """Tell whether a resolved identity is the one that was guessed, and is what was found (S10)."""
    if spec.key != found.key or spec.host != found.host:
        return False
    if guess.silent:
        return True
    names = [name for name in relevant(guess.type) if name != "queue" or guess.values.get(name)]
    return all(spec.identity.get(name) == guess.values.get(name) for name in names)


def _differs(found: Found, spec: ServiceSpec) -> bool:
    """Tell whether it was launched with another command line than it would be today."""
    return found.row is not None and not same_command(spec.argv, words_of(found.row))


def _distance(found: Found, candidate: Candidate, spec: ServiceSpec) -> tuple[int, int, int, int]:
    """Say how far a fitting spelling is from what was found; shorter ones before longer ones."""
    recorded = found.row.parameters if found.row else {}
    wanted = dict(spec.parameters or {}) if candidate.guess.type in _DASK else {}
    other = sum(recorded.get(name) != value for name, value in wanted.items()) if recorded else 0
    hinted = (
        (META, ASKED, KEY).index(candidate.guess.source)
        if candidate.guess.source in (META, ASKED, KEY)
        else 0
    )
    return (int(_differs(found, spec)), hinted, other, len(candidate.fields))


def _variant(found: Found, candidate: Candidate, spec: ServiceSpec, rivals: Sequence[Candidate]) -> Variant:
    guess, fields = candidate.guess, candidate.fields
    sources = {name: guess.source for name in fields if name in guess.values}
    sources |= {name: "none, where this folder's files select one" for name, v in fields.items() if v is None}
    if "frontend" in fields:
        sources["frontend"] = "where it was found"
    if "queue" in fields and guess.values.get("queue") is None:
        sources["queue"] = "the parameters it was launched with"
    if "idle_timeout" in fields:
        sources["idle_timeout"] = "the command line it was launched with"
    notes = [_elsewhere(found, spec)] if found.row and guess.type in PERSISTENT_TYPES else []
    notes += [_rival(rivals[0])] if rivals else []
    if guess.silent:
        notes.append("needs SEAMLESS_CACHE to be set as it is here")
    return Variant(Form.IDENTITY, guess.type, fields, sources, tuple(filter(None, notes)))


def _rival(other: Candidate) -> str:
    names = (f"{name} {value}" for name, value in other.guess.values.items() if value is not None)
    return f"could as well be {', '.join(names)}: their keys run together"


def _elsewhere(found: Found, spec: ServiceSpec) -> str:
    """Say that a service worked in another directory than it would today."""
    worked = found.row.workdir if found.row else None
    if not worked or worked == spec.workdir:
        return ""
    same = spec.workdir.startswith("~/") and worked.endswith(spec.workdir[1:])
    same = same or (worked.startswith("~/") and spec.workdir.endswith(worked[1:]))
    return "" if same else f"it worked in {safe(worked, limit=200)}; today it would in {spec.workdir}"


def _why_not(
    found: Found, candidates: Sequence[Candidate], specs: Sequence[ServiceSpec | tuple[Problem, ...]]
) -> str:
    """Say why no identity fits, by the one that came nearest."""
    for candidate, spec in zip(candidates, specs, strict=True):
        if isinstance(spec, ServiceSpec) and spec.key == found.key and spec.host != found.host:
            cluster = candidate.guess.values.get("cluster")
            return f"its identity belongs to {spec.host}: cluster {cluster} does not name {found.host}"
    for candidate, spec in zip(candidates, specs, strict=True):
        if candidate.guess.source == KEY:
            continue
        if not isinstance(spec, ServiceSpec):
            message = spec[0].message.partition(": ")[2] if spec else "it cannot be resolved"
            return f"its identity cannot be resolved: {safe(message)}"
        if spec.key != found.key:
            return f"its meta is of another service, {spec.key}"
    return "no identity that your cluster files allow resolves to its key"


def possible(
    known: Landscape, clusters: Sequence[str], given: Mapping[str, str]
) -> list[dict[str, str | None]]:
    """Give the identity of every service that the frontends of clusters could run.

    Args:
        known: the user's files.
        clusters: which.
        given: project, subproject, stage, substage, in place of what the files select.
    """
    place = {name: given.get(name) or known.selected.get(name) for name in relevant("jobserver")[1:]}
    found: list[dict[str, str | None]] = []
    for name in clusters:
        cluster = known.clusters[name]
        for kind, machines in cluster.able.items():
            base: dict[str, str | None] = {"service": kind, "cluster": name}
            if not machines:
                continue
            if kind == "pure_daskserver":
                found += [{**base, "queue": queue} for queue in cluster.queues]
            elif place["project"] is not None:
                own = {**place, "mode": "rw", "queue": None}
                found.append({**base, **{key: own[key] for key in relevant(kind) if key in own}})
    return found


def located(
    wanted: Sequence[Mapping[str, str | None]], resolve: Resolver
) -> list[tuple[Mapping[str, str | None], ServiceSpec]]:
    """Say where each of these services would run, and under which key; those that cannot be are left out."""
    candidates = []
    for one in wanted:
        values = dict(one)
        guess = Guess(str(values.pop("service")), values, ASKED)
        fields = {name: value for name, value in values.items() if value is not None or name in _SELECTED}
        candidates.append(Candidate(guess, fields))
    pairs = zip(wanted, resolve([c.entry() for c in candidates]), strict=True)
    return [(one, spec) for one, spec in pairs if isinstance(spec, ServiceSpec)]
