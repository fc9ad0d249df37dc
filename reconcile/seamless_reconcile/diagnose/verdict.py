"""From evidence to a diagnosis: symptom, causes, how sure, and what to do next. Pure.

What the state shows goes before what a log lets one guess: the symptom comes from signs alone, the
log only says why. Of a log the last traceback wins; what stands earlier is told as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.diagnose.evidence import Case
from seamless_reconcile.diagnose.filling import Wanted, filled, steps_of
from seamless_reconcile.diagnose.knowledge import Cause, Health, Knowledge, Owner, Scope, Sure, Symptom
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.diagnose.signs import FAILS, signs_of
from seamless_reconcile.diagnose.tracebacks import Blame, Kind, Traceback, blame, chains

MAX_CAUSES = 5
NEAR = 5
"""Lines after which a log is still said to end with something: how servers say goodbye."""
RECENT = 200
"""Lines from the end that count as recent for a service that lives."""
_DEAD = frozenset({"died.starting", "died.running", "service.failed"})
_GONE = frozenset({"service.absent", "service.stale"})


@dataclass(frozen=True, slots=True)
class Found:
    """One cause that fits.

    Attributes:
        line: the line of the log that showed it, untrusted; empty where signs did.
        blame: whose code raised; None where there is no traceback.
        fix: where to fix it, names put in.
        package: the package that is at fault, or whose environment is; never from a log's words alone.
    """

    cause: Cause
    sure: Sure
    fix: str
    package: str
    line: str = ""
    at: int = -1
    blame: Blame | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """One thing to do next."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is the matter with one service.

    Attributes:
        causes: the likeliest first; none where nothing is wrong, or nothing tells.
        fix: where to fix it; empty where nothing is to be fixed.
        next: what to do, in order.
        advice: names of texts that apply.
        owner: the package behind the service; None for a service that is not Seamless's own.
    """

    case: Case
    signs: frozenset[str]
    symptom: Symptom
    causes: tuple[Found, ...]
    fix: str
    next: tuple[Next, ...]
    advice: tuple[str, ...]
    owner: Owner | None

    @property
    def health(self) -> Health:
        """Whether it is well, or that this could not be told."""
        return self.symptom.health

    @property
    def sure(self) -> Sure:
        """How sure its cause is; what the state alone shows is certain."""
        return self.causes[0].sure if self.causes else Sure.CERTAIN


def diagnose(case: Case, known: Knowledge) -> Diagnosis:
    """Diagnose one service."""
    signs = signs_of(case)
    symptom = _symptom(case, signs, known)
    causes = tuple(_causes(case, signs, symptom, known))[:MAX_CAUSES]
    if symptom.health is Health.WELL and causes:
        # What runs and answers may fail on every request all the same.
        signs |= {FAILS}
        symptom = _symptom(case, signs, known)
    names = tuple(dict.fromkeys([*symptom.next, *(causes[0].cause.next if causes else ())]))
    wanted = _wanted(case, known, causes[0] if causes else None)
    return Diagnosis(
        case,
        signs,
        symptom,
        causes,
        _fix(symptom, causes, wanted),
        tuple(Next(*step) for step in steps_of(names, wanted, known)),
        _advice(case, causes),
        known.owners.get(case.spec.type),
    )


def _symptom(case: Case, signs: frozenset[str], known: Knowledge) -> Symptom:
    return next(one for one in known.symptoms if one.when.holds(signs, case.spec.type))


def _fix(symptom: Symptom, causes: tuple[Found, ...], wanted: Wanted) -> str:
    """Choose where to fix it: a log only guesses where the state itself already tells."""
    first = causes[0] if causes else None
    if symptom.fix and (first is None or first.line or first.sure is Sure.POSSIBLE):
        return filled(symptom.fix, wanted)
    if first is not None:
        return first.fix
    if symptom.health is Health.WRONG:
        return filled("the log of {name} has to tell; {package} owns it", wanted)
    return ""


def _advice(case: Case, causes: tuple[Found, ...]) -> tuple[str, ...]:
    named = []
    if any(found.cause.live for found in causes[:1]):
        named.append("editable" if case.spec.host == LOCAL else "live")
    return tuple(named)


# --- causes --------------------------------------------------------------------------------


def _causes(case: Case, signs: frozenset[str], symptom: Symptom, known: Knowledge) -> Iterator[Found]:
    """Give the causes that fit, each once, the best first."""
    stopped = "wanted.stopped" in signs and symptom.health is Health.WELL
    if stopped or symptom.health is Health.UNTOLD:
        return
    found = [*_by_signs(case, signs, known)]
    if isinstance(case.log, Log):
        found += _by_log(case, case.log, signs, known)
    if symptom.health is Health.WELL:
        found = [one for one in found if one.cause.running]
    found.sort(key=lambda one: (one.cause.follows, one.sure.rank, one.line == "", -one.at))
    seen: set[str] = set()
    for one in found:
        if one.cause.title not in seen:
            seen.add(one.cause.title)
            yield one


def _by_signs(case: Case, signs: frozenset[str], known: Knowledge) -> Iterator[Found]:
    for cause in known.causes:
        if cause.log or cause.unexplained or not cause.when.holds(signs, case.spec.type):
            continue
        yield _found(case, cause, cause.most, known)


def _by_log(case: Case, log: Log, signs: frozenset[str], known: Knowledge) -> list[Found]:
    fitting = [one for one in known.causes if one.when.holds(signs, case.spec.type)]
    raised = [*_by_tracebacks(case, log, signs, fitting, known)]
    said = [*_by_lines(case, log, signs, fitting, known)]
    explained = any(one.sure is not Sure.POSSIBLE and not one.cause.follows for one in (*raised, *said))
    if explained or not log.tracebacks:
        return raised + said
    return raised + said + [_unexplained(case, log, signs, known)]


def _by_tracebacks(
    case: Case, log: Log, signs: frozenset[str], causes: list[Cause], known: Knowledge
) -> Iterator[Found]:
    """Look at what was raised, the last first."""
    every = chains(log.tracebacks)
    for number, chain in enumerate(reversed(every)):
        for one in reversed(chain):
            cause = _match(one.line, causes, Scope.EXCEPTION)
            if cause is None:
                continue
            # A chain is one event: it ends where its last traceback does.
            sure = _sure(log, signs, chain[-1].last, final=number == 0)
            yield _found(case, cause, sure, known, line=one.line, at=one.last, raised=one)


def _by_lines(
    case: Case, log: Log, signs: frozenset[str], causes: list[Cause], known: Knowledge
) -> Iterator[Found]:
    """Look at the lines outside of tracebacks, the last first, equal ones once."""
    final = log.tracebacks[-1].first if log.tracebacks else 0
    inside = {at for one in log.tracebacks for at in range(one.first, one.last + 1)}
    looked: set[str] = set()
    for at in range(len(log.lines) - 1, -1, -1):
        line = log.lines[at]
        if at in inside or line in looked:
            continue
        looked.add(line)
        cause = _match(line, causes, Scope.LINE)
        if cause is not None:
            # What is said right before the last traceback belongs to it.
            yield _found(
                case, cause, _sure(log, signs, at, final=at >= final - NEAR), known, line=line, at=at
            )


def _match(line: str, causes: list[Cause], scope: Scope) -> Cause | None:
    for cause in causes:
        if cause.scope is scope and any(expression.search(line) for expression in cause.log):
            return cause
    return None


def _sure(log: Log, signs: frozenset[str], at: int, *, final: bool) -> Sure:
    """Say how sure what stands at a line is the cause.

    A dead service whose log ends with it says it twice; without state evidence a log is a guess.
    """
    inside = sum(one.last - one.first + 1 for one in log.tracebacks if one.first > at)
    after = len(log.lines) - 1 - at - inside
    if signs & _DEAD:
        if final and after <= NEAR:
            return Sure.CERTAIN
        return Sure.LIKELY if final else Sure.POSSIBLE
    if signs & _GONE:
        return Sure.LIKELY if final and after <= NEAR else Sure.POSSIBLE
    return Sure.LIKELY if final and after <= RECENT else Sure.POSSIBLE


def _unexplained(case: Case, log: Log, signs: frozenset[str], known: Knowledge) -> Found:
    cause = next(one for one in known.causes if one.unexplained)
    last = log.tracebacks[-1]
    sure = _sure(log, signs, last.last, final=True)
    return _found(case, cause, sure, known, line=last.line, at=last.last, raised=last)


def _found(
    case: Case,
    cause: Cause,
    sure: Sure,
    known: Knowledge,
    *,
    line: str = "",
    at: int = -1,
    raised: Traceback | None = None,
) -> Found:
    whose = blame(raised, known.modules) if raised is not None else None
    owner = known.owners.get(case.spec.type)
    package = at_fault(whose, owner)
    capped = max((sure, cause.most), key=lambda one: one.rank)
    wanted = _wanted(case, known, None, package=package, blame=whose)
    return Found(cause, capped, filled(cause.fix, wanted), package, line, at, whose)


def at_fault(whose: Blame | None, owner: Owner | None) -> str:
    """Name the package to fix: Seamless's own that raised, or that called what raised; else the owner."""
    if whose is not None and whose.kind is Kind.SEAMLESS:
        return whose.package
    if whose is not None and whose.called_by:
        return whose.called_by
    return owner.package if owner is not None else "the service"


def _wanted(
    case: Case,
    known: Knowledge,
    found: Found | None,
    *,
    package: str = "",
    blame: Blame | None = None,
) -> Wanted:
    """Give what is put into texts and commands."""
    owner = known.owners.get(case.spec.type)
    whose = blame if blame is not None else (found.blame if found else None)
    dependency = whose.package if whose is not None and whose.kind is Kind.DEPENDENCY else ""
    conda = case.conda.declared if case.conda is not None else case.spec.conda_env
    return Wanted(
        name=case.spec.name,
        key=case.spec.key,
        host=case.spec.host,
        type=case.spec.type,
        workdir=case.spec.workdir,
        declared=case.declared,
        conda=conda or "",
        package=package or (found.package if found else "") or at_fault(None, owner),
        raised_in=_known_dependency(dependency, owner),
    )


def _known_dependency(name: str, owner: Owner | None) -> str:
    """Give a dependency's name only where it is a known one: a log must not name what to install (S10)."""
    return name if owner is not None and name in owner.depends else "dependency"


def summary(diagnosis: Diagnosis) -> Mapping[str, str]:
    """Give the verdict's parts: what is so, why, where to fix it; the line of the log is untrusted."""
    first = diagnosis.causes[0] if diagnosis.causes else None
    return {
        "symptom": diagnosis.symptom.title,
        "cause": first.cause.title if first else "",
        "line": first.line if first else "",
        "fix": diagnosis.fix,
    }
