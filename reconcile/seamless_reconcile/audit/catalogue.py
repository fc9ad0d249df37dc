"""What an audit can find. An id, once released, keeps its meaning for ever.

R1xx services, R2xx tunnels, R3xx caches, R4xx hosts. `docs/reference/findings.md` is made from this.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How grave a finding is."""

    ERROR = "error"  # something is broken, or could not be told
    WARNING = "warning"  # it works, but will bite
    INFO = "info"  # worth knowing

    @property
    def rank(self) -> int:
        """Count from the gravest, 0."""
        return ("error", "warning", "info").index(self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing an audit can find.

    Both remedies are steps, in order. One that begins with `$` is a command as a shell takes it, any
    other is words, with a colon at the end where the next step belongs to them. In them `{name}`,
    `{key}`, `{host}`, `{on}` ("ssh HOST ...", or nothing on this machine), `{where}` ("on HOST" or
    "here"), `{path}`, `{pids}` and `{hint}` are put in.

    Attributes:
        title: what it is, in a few words.
        meaning: why it matters.
        remedy: what helps.
        otherwise: the same for what no manifest names; empty where it makes no difference.
        untold: whether it says that something could not be told: then the exit code is 3.
    """

    id: str
    severity: Severity
    title: str
    meaning: str
    remedy: tuple[str, ...]
    otherwise: tuple[str, ...] = ()
    untold: bool = False


_PLAN = "$seamless-reconcile plan"
_APPLY = "$seamless-reconcile apply --target service.{name}"
_ANEW = "$seamless-reconcile apply --replace service.{name}"
_TUNNEL = "$seamless-reconcile apply --target tunnel.{name}"
_WHY = "$seamless-reconcile diagnose {name}"
_WHY_KEY = "$seamless-reconcile diagnose --host {host} --key {key}"
_IMPORT = "$seamless-reconcile import --host {host}"
_DOCTOR = "$seamless-reconcile doctor --host {host}"
_INSPECT = "${on}rhl-inspect {key}"
_STOP = "${on}rhl-stop {key}"
_CLEAN = "${on}rhl-rm {key} --server"
_FORGET = "$rhl-rm {key} --client"
_NEXT = "the next client launches it anew"
_CONNECT = "the next client connects anew"

_RULES = (
    # --- services
    Rule("R101", Severity.WARNING, "not as declared", "What is differs from what the manifest says.",
         (_PLAN, "$seamless-reconcile apply")),
    Rule("R102", Severity.ERROR, "stale state",
         "A state file says that it runs, but its process is gone: clients that trust it fail.",
         (_APPLY,), (_WHY_KEY, _CLEAN)),
    Rule("R103", Severity.ERROR, "failed service", "The service itself reported that it could not start.",
         (_WHY, _APPLY), (_WHY_KEY, _CLEAN)),
    Rule("R104", Severity.ERROR, "unhealthy service",
         "Its process lives, or another has its pid, but its handshake does not answer as it should.",
         (_WHY, _APPLY), (_WHY_KEY, "make sure that its process is this service", _STOP, _CLEAN)),
    Rule("R105", Severity.ERROR, "half-dead start",
         "It was launched and never came up; its state file stays at starting for ever.",
         (_WHY, _APPLY), (_WHY_KEY, _STOP, _CLEAN)),
    Rule("R106", Severity.ERROR, "malformed state file",
         "It is not what the protocol says: clients fail on it, and it may hide a live process.",
         (_INSPECT, _APPLY), (_INSPECT, "make sure that no process of it runs {where}", _CLEAN)),
    Rule("R107", Severity.ERROR, "miswired jobserver",
         "It was launched with the address of a service that is not there: it computes without storage.",
         (_APPLY,), (_STOP, _CLEAN, "the next client launches it with today's addresses")),
    Rule("R108", Severity.ERROR, "hidden process",
         "A process answers, but no state file leads to it: no helper can stop it, a launch would double it.",
         ("stop it by hand {where}",)),
    Rule("R109", Severity.INFO, "state file without meta",
         "Launched by an older or another client: only its key tells to which deployment it belongs.",
         ("at a time that suits:", _ANEW), ("at a time that suits:", _STOP, _CLEAN, _NEXT)),
    Rule("R110", Severity.INFO, "unmanaged service", "It has a state file there and no manifest names it.",
         (_IMPORT, "take its entry into the manifest, or stop it:", _STOP)),
    Rule("R111", Severity.INFO, "soon exits when idle",
         "It ends by itself after less than two minutes without a request: it may be gone when it is needed.",
         ("set a longer idle_timeout in the manifest",)),
    Rule("R112", Severity.ERROR, "two services claim one port",
         "One of the two state files is of a process that is gone: its pid was taken by another.",
         (_INSPECT, "look the same way at the other one, and which process has the port")),
    Rule("R113", Severity.ERROR, "service that could not be judged",
         "Its host answers, but not on this service: whether it is well is unknown.",
         (_WHY,), (_WHY_KEY,), untold=True),
    Rule("R114", Severity.INFO, "launched by another version",
         "What this version reads of it (launch id, epoch) was written by another one of this tool.",
         ("use one version on all clients; or, at a time that suits:", _ANEW),
         ("use one version on all clients",)),
    Rule("R115", Severity.ERROR, "key of another deployment",
         "Two deployments come to the same key: each takes the other's service, and its cache, for its own.",
         (_INSPECT, "rename one of the two: the project, the stage or the cluster")),
    Rule("R116", Severity.WARNING, "one key on several hosts",
         "A client keeps one connection a key: it follows whichever was made last.",
         ("stop all but one:", _STOP, _CLEAN)),
    Rule("R117", Severity.ERROR, "two processes of one service",
         "Two clients launched it at once: both work in one directory, and no helper can stop the second.",
         ("{hint}",)),
    Rule("R118", Severity.INFO, "about to end, being idle",
         "Nobody has used it for so long that it soon ends by itself; a request starts its timer anew.",
         ("none needed, if nobody needs it; a look without --passive counts as use",)),
    # --- tunnels
    Rule("R201", Severity.ERROR, "broken tunnel",
         "The service runs, but clients that follow the connection file do not reach it.",
         (_TUNNEL,), (_FORGET, _CONNECT)),
    Rule("R202", Severity.ERROR, "misrouted tunnel",
         "It leads to another place than the service's: clients may read and write someone else's cache.",
         (_TUNNEL,), (_FORGET, _CONNECT)),
    Rule("R203", Severity.WARNING, "orphan tunnel",
         "A forward that no connection file names: nobody uses it and nobody will end it.",
         (_TUNNEL,), ("make sure that it is not in use", "$kill -9 {pids}")),
    Rule("R204", Severity.WARNING, "connection file of no service",
         "This client remembers a service that is not there: it will try to reach it.",
         (_FORGET,)),
    Rule("R205", Severity.ERROR, "connections that could not be read",
         "What this machine knows of its connections is unknown.",
         ("$ls -l ~/.remote-http-launcher/client", "see what stands in the way"), untold=True),
    # --- caches
    Rule("R301", Severity.INFO, "warm cache that nobody serves",
         "It holds results, and no service runs on it: forgotten, or kept on purpose.",
         ("none needed, if that is meant; `cache: cold` clears it",),
         (_IMPORT, "declare its service: running to use it, or stopped with `cache: cold` to clear it")),
    Rule("R302", Severity.WARNING, "other caches inside a cold one",
         "Clearing the outer one would take them along, so it is never cleared while they are undeclared.",
         ("declare the inner ones too",)),
    Rule("R303", Severity.INFO, "shared cache",
         "Several services keep their data in one directory: clearing it clears it for all of them.",
         ("none needed, if that is meant",)),
    Rule("R304", Severity.WARNING, "foreign data in a cache",
         "It carries no marker, so it is never cleared; a service launched there would mark it as its own.",
         ("use another path, or put the marker there if the data is the service's",)),
    Rule("R305", Severity.WARNING, "one cache of two cold",
         "The other may still hold results: a test that passes may have computed nothing.",
         ("declare both `cache: cold`",)),
    Rule("R306", Severity.WARNING, "not cold as declared", "A test that passes now proves nothing.",
         ("$seamless-reconcile apply --target cache.{name}",)),
    Rule("R307", Severity.WARNING, "warm cache above a cold one",
         "A run that reads it too can still get cached results.", ("declare it `cache: cold` too",)),
    Rule("R308", Severity.ERROR, "cache that could not be looked at",
         "Its host answers, but not on this directory: what is in it is unknown.",
         ("${on}rhl-ps-persistent {path}",), untold=True),
    Rule("R309", Severity.WARNING, "not warm as declared", "Results that are taken to be there are not.",
         ("only a computation can fill it; or declare it `cache: keep`",)),
    Rule("R310", Severity.INFO, "caches inside a cache",
         "Stages and subprojects lie below their project: whoever clears the outer one clears them too.",
         ("none needed, if that is meant; clear the inner ones by themselves",)),
    # --- hosts
    Rule("R401", Severity.ERROR, "host that could not be asked", "Everything about it is unknown.",
         (_DOCTOR,), untold=True),
    Rule("R402", Severity.ERROR, "helpers not installed", "Nothing can be read or changed there.",
         (_DOCTOR, "pip install remote-http-launcher {where}, into its system Python or conda base"),
         untold=True),
    Rule("R403", Severity.WARNING, "guard without a path policy", "It refuses every cache and every launch.",
         ("give rhl-guard the option --data-roots or --clear-policy, in the authorized_keys {where}",)),
    Rule("R404", Severity.ERROR, "listing incomplete",
         "A state file is in the way of the helper that lists services: others may be hidden.",
         ("${on}rhl-ps", "move away {where} what is no JSON in ~/.remote-http-launcher/server"), untold=True),
    Rule("R405", Severity.WARNING, "guard that lets every path through",
         "Whoever has the key can list, empty or launch in nearly every directory of the account.",
         ("give rhl-guard --data-roots for --permissive-paths, in the authorized_keys {where}",)),
    Rule("R406", Severity.WARNING, "clocks that differ",
         "Starts are timed across machines: one that hangs is noticed late, or a slow one counts as hung.",
         ("let both be set by the network (NTP)",)),
)  # fmt: skip

CATALOGUE: dict[str, Rule] = {rule.id: rule for rule in _RULES}
