"""The rules of logging in: what there is to offer, and what the host says to it, both ways. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rhl_helpers.credentials import AgentState, KeyState, Offer
from rhl_helpers.reachability import Route
from seamless_reconcile.doctor.remedies import plain, word
from seamless_reconcile.doctor.seen import HostSight, Login, Trouble
from seamless_reconcile.doctor.values import HERE, Checked, fix, ok, skipped, warn

WAYS = {"paramiko": "paramiko", "openssh": "the ssh binary"}
"""What the two transports are called."""


def login_checks(sight: HostSight, route: Route) -> Iterator[Checked]:
    """Judge the keys, the login, and the other transport."""
    yield _offer(sight)
    yield _login(sight, route)
    yield _other(sight)


def working(sight: HostSight) -> str:
    """Give the transport that gets in."""
    return sight.login.way if sight.login and sight.login.worked else "openssh"


def _offer(sight: HostSight) -> Checked:
    offer = sight.offer
    if offer is None:
        return skipped("C205", "not looked at")
    told = _told(offer)
    evidence = {
        "agent": offer.agent.state.value, "agent_keys": offer.agent.keys,
        "files": {file.path: file.state.value for file in offer.files},
    }  # fmt: skip
    exposed = offer.having(KeyState.EXPOSED)
    if exposed:
        names = " ".join(word(file.path) for file in exposed)
        return warn("C205", told, f"chmod 600 {names}", HERE, **evidence)
    locked = offer.having(KeyState.LOCKED)
    if locked and not sight.reached and not _usable(offer):
        return fix(
            "C205", told, f"ssh-add {word(locked[0].path)}, in a session with an agent", HERE, **evidence
        )
    if offer.agent.state is AgentState.SILENT:
        return warn("C205", told, 'eval "$(ssh-agent)"; ssh-add', HERE, **evidence)
    if not sight.reached and not _usable(offer) and sight.login is not None:
        return fix(
            "C205",
            told,
            "make a key (ssh-keygen -t ed25519), or name yours by IdentityFile",
            HERE,
            **evidence,
        )
    return ok("C205", told, **evidence)


def _usable(offer: Offer) -> bool:
    return offer.agent.keys > 0 or bool(offer.having(KeyState.USABLE, KeyState.IN_AGENT, KeyState.TOKEN))


_AGENT = {
    AgentState.NONE: "no agent",
    AgentState.OFF: "the agent is switched off for it",
    AgentState.EMPTY: "the agent holds no key",
}


def _told(offer: Offer) -> str:
    agent = offer.agent
    first = _AGENT.get(agent.state)
    if agent.state is AgentState.READY:
        first = f"the agent holds {agent.keys}"
    if agent.state is AgentState.SILENT:
        first = f"the agent does not answer ({agent.problem})"
    files = [f"{file.path}: {file.state.value}" for file in offer.files] or ["no key file"]
    return "; ".join([str(first), *files])


def _login(sight: HostSight, route: Route) -> Checked:
    login = sight.login
    if login is None:
        return skipped("C206", "not tried: what stands in the way comes first")
    problem = login.trouble
    if problem is None:
        told = f"as {route.settings.user}, by {WAYS[login.way]}, in {login.seconds:.1f} s"
        return ok("C206", told, way=login.way, user=route.settings.user, seconds=round(login.seconds, 3))
    evidence = {"way": login.way, "kind": problem.kind}
    told = f"by {WAYS[login.way]}: {problem.detail}"
    if sight.other is not None and sight.other.worked:
        remedy = f"{WAYS[sight.other.way]} gets in: use --ssh {sight.other.way}"
        return fix("C206", told, remedy, HERE, **evidence)
    remedy, where = _login_remedy(sight, route, problem)
    return fix("C206", told, remedy, where, **evidence)


def _login_remedy(sight: HostSight, route: Route, problem: Trouble) -> tuple[str, str]:
    host, alias = sight.patient.name, plain(sight.patient.name)
    words = problem.detail.lower()
    if problem.kind == "host key":
        return "see C204", HERE
    if problem.kind == "timeout":
        return "raise --timeout if it is slow; else see its load and its disk", host
    if problem.kind != "authentication failed":
        return problem.hint or f"try ssh -v {alias} true", HERE
    if "not enough" in words or "keyboard-interactive" in words or "password" in words:
        remedy = (
            f"it asks for more than a key: with ControlMaster auto, ControlPath, ControlPersist for {alias} "
            f"in ~/.ssh/config, log in once by `ssh {alias}`; what is then up is used"
        )
        return remedy, HERE
    if "passphrase" in words:
        locked = sight.offer.having(KeyState.LOCKED) if sight.offer else ()
        return f"ssh-add {word(locked[0].path)}" if locked else "ssh-add", HERE
    user = plain(route.settings.user, "USER")
    return (
        f"is {user} the right user (User in ~/.ssh/config)? If so, put your public key into "
        f"~{user}/.ssh/authorized_keys there, or have it put there"
    ), host


def _other(sight: HostSight) -> Checked:
    other = sight.other
    if other is None:
        return skipped("C207", "not tried")
    name = WAYS[other.way]
    if other.trouble is None:
        return ok("C207", f"{name} gets in too" if sight.reached else f"{name} gets in", way=other.way)
    if not sight.reached:
        return skipped("C207", f"{name} does not get in either: {other.trouble.detail}")
    return _one_way(sight, other, other.trouble)


def _one_way(sight: HostSight, other: Login, problem: Trouble) -> Checked:
    """Judge the other transport where the chosen one works."""
    told = f"{WAYS[other.way]} does not get in: {problem.detail}"
    alias = plain(sight.patient.name)
    evidence = {"way": other.way, "kind": problem.kind}
    if other.way == "openssh" and sight.patient.tunnelled:
        remedy = f"make `ssh -o BatchMode=yes {alias} true` work: tunnels are its forwards"
        return fix("C207", told, remedy, HERE, **evidence)
    if isinstance(sight.route, Route) and sight.route.needs is not None:
        return skipped("C207", f"{told}; as is to be thought with {sight.route.needs}")
    if isinstance(sight.route, Route) and sight.route.master:
        return skipped("C207", f"{told}; your own connection is used")
    return warn("C207", told, f"keep to --ssh {working(sight)}; see ssh -v {alias} true", HERE, **evidence)
