"""The rules of the helpers on a host: there or not, found how, which version, what precedes them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rhl_helpers.examining import HelpText
from rhl_helpers.text import safe
from seamless_reconcile.doctor.remedies import install, on, place, probe_by_hand
from seamless_reconcile.doctor.seen import HostSight, Trouble
from seamless_reconcile.doctor.values import HERE, Checked, fix, ok, skipped, untold, warn

FIRST = "rhl-ps"
_NOT_INSTALLED = "not installed"


def helper_checks(sight: HostSight) -> Iterator[Checked]:
    """Judge the helpers."""
    if not sight.reached:
        yield from (skipped(id_, not_asked(sight)) for id_ in ("C301", "C302", "C303", "C304"))
        return
    yield _installed(sight)
    yield _bare(sight)
    yield _version(sight)
    yield _quiet(sight)


def not_asked(sight: HostSight) -> str:
    """Say why what only helpers tell is left out."""
    return "the helpers come first" if sight.reached else "the host was not reached"


def answers(sight: HostSight) -> bool:
    """Tell whether helpers answer there, so that it is worth asking them."""
    return isinstance(sight.help.get(FIRST), HelpText)


def _installed(sight: HostSight) -> Checked:
    host, first = sight.patient.name, sight.help.get(FIRST)
    where = place(host)
    if first is None:
        return untold("C301", "they were not asked")
    if isinstance(first, HelpText):
        missing = [name for name, said in sight.help.items() if _is_missing(said)]
        if not missing:
            return ok("C301", "installed, and they answer")
        told = f"{', '.join(missing)} not found: an older version"
        return fix("C301", told, install(_tested(sight)).replace("install", "install -U", 1), where)
    if first.kind == _NOT_INSTALLED:
        return _not_installed(sight, first)
    if isinstance(sight.bare, HelpText):
        told = f"an install in the conda base comes first on PATH and is broken: {first.detail}"
        return fix(
            "C301", told, "reinstall remote-http-launcher there, or remove it from the conda base", where
        )
    if first.refused:
        return untold("C301", f"the guard does not let them be asked: {first.detail}", "see C401", where)
    if first.no_connection or first.kind == "protocol":
        return untold("C301", str(first), first.hint or f"try {probe_by_hand(host)}", HERE)
    return fix("C301", f"they do not run: {first.detail}", "reinstall remote-http-launcher there", where)


def _not_installed(sight: HostSight, problem: Trouble) -> Checked:
    host = sight.patient.name
    if "rhl-guard" in problem.detail:
        remedy = "name rhl-guard by its full path in ~/.ssh/authorized_keys; install it if it is not there"
        return fix("C301", f"this key's forced command is not found: {problem.detail}", remedy, place(host))
    if sight.patient.is_local:
        return fix("C301", problem.detail, f"pip install remote-http-launcher{_tested(sight)}", "here")
    told = f"{problem.detail}, with the conda bases on PATH too"
    return fix("C301", told, install(_tested(sight)), host, probe=probe_by_hand(host))


def _tested(sight: HostSight) -> str:
    """Give the version to install: the one of this machine, as a range of its patches."""
    parts = sight.version.split(".")
    return f"~={sight.version}" if len(parts) > 2 and all(part.isdigit() for part in parts) else ""  # noqa: PLR2004


def _is_missing(said: HelpText | Trouble) -> bool:
    return isinstance(said, Trouble) and said.kind == _NOT_INSTALLED


def _bare(sight: HostSight) -> Checked:
    host = sight.patient.name
    if sight.patient.is_local:
        return skipped("C302", "this machine: no ssh")
    if not answers(sight):
        return skipped("C302", not_asked(sight))
    if isinstance(sight.bare, HelpText):
        return ok("C302", "found on the login's own PATH")
    if sight.bare is None:
        return skipped("C302", "not asked")
    if sight.bare.kind != _NOT_INSTALLED:
        return untold("C302", str(sight.bare))
    remedy = f"none for this program; by hand always {probe_by_hand(host)}"
    return warn("C302", "found only with the conda bases put on PATH, as this program does", remedy, HERE)


def _version(sight: HostSight) -> Checked:
    where = place(sight.patient.name)
    if not answers(sight):
        return skipped("C303", not_asked(sight))
    if not sight.local_help:
        return untold("C303", "no helper tells its version, and there is none here to compare with")
    other = [
        name
        for name, said in sight.help.items()
        if isinstance(said, HelpText) and name in sight.local_help and said.text != sight.local_help[name]
    ]
    here = f"remote-http-launcher {sight.version}"
    if not other:
        return ok("C303", f"they speak as those of {here} do", version_like=sight.version)
    told = f"{', '.join(other)}: another help text than those of {here}, so another version"
    remedy = f"pip install -U 'remote-http-launcher{_tested(sight)}' there, or the same version here"
    return warn("C303", told, remedy, where, differing=other)


def _quiet(sight: HostSight) -> Checked:
    host = sight.patient.name
    if not answers(sight):
        return skipped("C304", not_asked(sight))
    said = [
        one.noise for one in (sight.help.get(FIRST), sight.bare) if isinstance(one, HelpText) and one.noise
    ]
    if not said:
        return ok("C304", "nothing stands before the answers")
    first = safe(said[0].splitlines()[0], limit=80)
    remedy = (
        "let the shell's startup files (~/.bashrc, ~/.zshenv …) print only for people: "
        "case $- in *i*) … ;; esac"
    )
    told = f"a login message stands before them: {first}"
    return warn("C304", told, remedy, place(host), try_it=on(host, "true"))
