"""The rules of the way to a host: configuration, name, port, host key, login, forwards. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rhl_helpers.credentials import AgentState, KeyState, Offer
from rhl_helpers.reachability import Greeting, Route
from rhl_helpers.transport.known_hosts import KeyVerdict
from seamless_reconcile.doctor.remedies import forget, plain, record, scan, word
from seamless_reconcile.doctor.seen import HostSight, Login, Trouble
from seamless_reconcile.doctor.values import HERE, Checked, fix, ok, skipped, untold, warn

IDS = ("C201", "C202", "C203", "C204", "C205", "C206", "C207", "C208", "C209", "C210")
_WAYS = {"paramiko": "paramiko", "openssh": "the ssh binary"}


def reach_checks(sight: HostSight) -> Iterator[Checked]:
    """Judge the way to a host, in the order in which it is gone."""
    if sight.patient.is_local:
        yield from (skipped(id_, "this machine: no ssh") for id_ in IDS)
        return
    yield _config(sight)
    if not isinstance(sight.route, Route):
        yield from (skipped(id_, "ssh's configuration comes first") for id_ in IDS[1:-1])
        yield _better(sight)
        return
    route = sight.route
    yield _name(sight, route)
    yield _server(sight, route)
    yield _host_key(sight, route)
    yield _offer(sight)
    yield _login(sight, route)
    yield _other(sight)
    yield _forwarding(sight)
    yield _client_address(sight)
    yield _better(sight)


def _config(sight: HostSight) -> Checked:
    host, route = sight.patient.name, sight.route
    if not isinstance(route, Route):
        told = str(route.detail) if route else "it was not read"
        return fix("C201", told, f"correct your ssh configuration; `ssh -G {plain(host)}` shows it", HERE)
    settings = route.settings
    where = f"{settings.user}@{settings.hostname} port {settings.port}"
    # Of a ProxyCommand only the program: people put passwords there.
    program = settings.proxy_command.split(maxsplit=1)[0] if settings.proxy_command else None
    via = settings.proxy_jump or program
    told = f"{where}{f', through {via}' if via else ''}; by {_why(sight, route)}"
    evidence = {
        "hostname": settings.hostname, "port": settings.port, "user": settings.user,
        "proxy_jump": settings.proxy_jump, "proxy_command": program,
        "identity_files": list(settings.identity_files), "known_hosts": list(settings.known_hosts),
        "auto": route.way, "needs_ssh_binary": route.needs, "master_connection": route.master,
    }  # fmt: skip
    if sight.asked == "paramiko" and route.way == "openssh":
        need = route.needs or "its own connection"
        return warn("C201", f"{told}, though it has {need}", "leave out --ssh paramiko", HERE, **evidence)
    return ok("C201", told, **evidence)


def _why(sight: HostSight, route: Route) -> str:
    if sight.asked != "auto":
        return f"{_WAYS[sight.asked]}, as asked"
    if route.master:
        return "the ssh binary: your own connection to it is up"
    if route.needs is not None:
        return f"the ssh binary, which alone can do {route.needs}"
    return "paramiko: nothing there needs the ssh binary"


def _name(sight: HostSight, route: Route) -> Checked:
    if route.proxied:
        return skipped("C202", "the proxy looks it up")
    if isinstance(sight.addresses, Trouble):
        remedy = (
            "is the network, or the VPN, up? Check ssh_hostname in the cluster file, "
            "and HostName in ~/.ssh/config"
        )
        return fix("C202", sight.addresses.detail, remedy, HERE)
    found = sight.addresses or ()
    return ok("C202", f"{route.settings.hostname} is {', '.join(found)}", addresses=list(found))


def _server(sight: HostSight, route: Route) -> Checked:
    greeting = sight.greeting
    if isinstance(greeting, Greeting):
        through = ", through the proxy" if route.proxied else ""
        return ok("C203", f"{greeting.software} answers{through}", software=greeting.software)
    if greeting is None:
        return skipped("C203", "there is no address")
    if sight.reached:
        return skipped("C203", f"only {_WAYS[_working(sight)]} gets there; without it: {greeting.detail}")
    remedy, where = _server_remedy(sight, route, greeting)
    return fix("C203", greeting.detail, remedy, where, kind=greeting.kind)


def _working(sight: HostSight) -> str:
    return sight.login.way if sight.login and sight.login.worked else "openssh"


def _server_remedy(sight: HostSight, route: Route, problem: Trouble) -> tuple[str, str]:
    host, words = sight.patient.name, problem.detail.lower()
    if route.proxied:
        hop = (route.settings.proxy_jump or "").rpartition(",")[2]
        first = f"try the way first: ssh {plain(hop, 'JUMPHOST')} true" if hop else "try ProxyCommand by hand"
        return f"{first}; {problem.hint}" if problem.hint else first, HERE
    if "refused" in words:
        return f"start sshd there, or correct Port ({route.settings.port}) in ~/.ssh/config", host
    if "does not speak ssh" in words:
        return (
            "it hangs or is overloaded, or that port is no sshd's: see its console; if slow: --timeout",
            host,
        )
    if "closes them" in words:
        return problem.hint, host
    if "negotiation" in words:
        return "see which algorithms its sshd offers (ssh -vv); or use --ssh openssh", HERE
    return "is the machine up, the network or VPN too? Does a firewall let this machine through?", HERE


def _host_key(sight: HostSight, route: Route) -> Checked:
    greeting = sight.greeting
    if not isinstance(greeting, Greeting):
        return skipped("C204", "no ssh server was heard")
    key = greeting.key
    shown = f"{key.kind} {key.fingerprint}"
    evidence = {"kind": key.kind, "fingerprint": key.fingerprint, "names": list(greeting.names)}
    if key.verdict is KeyVerdict.MATCHES:
        return ok("C204", f"known: {shown}", **evidence)
    if key.verdict is KeyVerdict.REVOKED:
        return fix("C204", f"REVOKED: {shown}", "do not connect; ask the host's owner", HERE, **evidence)
    if key.verdict is KeyVerdict.CHANGED:
        remedy = (
            "ask the host's owner, by another way, whether this fingerprint is right: if not, somebody may "
            f"be in between. Only if it is: {forget(route, greeting)}; then {record(route, greeting)}"
        )
        return fix("C204", f"CHANGED: it shows {shown}", remedy, HERE, **evidence)
    if sight.reached:
        return ok("C204", f"vouched for by other means, which only ssh knows: {shown}", **evidence)
    if key.authority:
        remedy = "use --ssh openssh, which can check certificates"
        return fix("C204", f"a certificate authority speaks for it: {shown}", remedy, HERE, **evidence)
    remedy = (
        f"compare the fingerprint with what the host's owner says ({scan(route)}); "
        f"if it is right: {record(route, greeting)}"
    )
    return fix("C204", f"unknown: {shown}", remedy, HERE, **evidence)


# --- login ---------------------------------------------------------------------------------


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
        told = f"as {route.settings.user}, by {_WAYS[login.way]}, in {login.seconds:.1f} s"
        return ok("C206", told, way=login.way, user=route.settings.user, seconds=round(login.seconds, 3))
    evidence = {"way": login.way, "kind": problem.kind}
    told = f"by {_WAYS[login.way]}: {problem.detail}"
    if sight.other is not None and sight.other.worked:
        remedy = f"{_WAYS[sight.other.way]} gets in: use --ssh {sight.other.way}"
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
    name = _WAYS[other.way]
    if other.trouble is None:
        return ok("C207", f"{name} gets in too" if sight.reached else f"{name} gets in", way=other.way)
    if not sight.reached:
        return skipped("C207", f"{name} does not get in either: {other.trouble.detail}")
    return _one_way(sight, other, other.trouble)


def _one_way(sight: HostSight, other: Login, problem: Trouble) -> Checked:
    """Judge the other transport where the chosen one works."""
    told = f"{_WAYS[other.way]} does not get in: {problem.detail}"
    alias = plain(sight.patient.name)
    evidence = {"way": other.way, "kind": problem.kind}
    if other.way == "openssh" and sight.patient.tunnelled:
        remedy = f"make `ssh -o BatchMode=yes {alias} true` work: tunnels are its forwards"
        return fix("C207", told, remedy, HERE, **evidence)
    if isinstance(sight.route, Route) and sight.route.needs is not None:
        return skipped("C207", f"{told}; as is to be thought with {sight.route.needs}")
    if isinstance(sight.route, Route) and sight.route.master:
        return skipped("C207", f"{told}; your own connection is used")
    return warn("C207", told, f"keep to --ssh {_working(sight)}; see ssh -v {alias} true", HERE, **evidence)


# --- what clients use ----------------------------------------------------------------------


def _forwarding(sight: HostSight) -> Checked:
    if not sight.patient.tunnelled:
        return skipped("C208", "no tunnel is asked for there")
    if not sight.reached:
        return skipped("C208", "nobody is logged in")
    if sight.forwarding is None:
        return untold("C208", "it could not be asked this way; the first tunnel will tell")
    if sight.forwarding:
        return ok("C208", "it lets this login reach its ports")
    remedy = (
        "AllowTcpForwarding yes in its sshd_config; and in authorized_keys no `restrict` and no "
        "`no-port-forwarding` for this key (`restrict,port-forwarding` is fine)"
    )
    return fix("C208", "it lets this login reach no ports: no tunnel can work", remedy, sight.patient.name)


def _client_address(sight: HostSight) -> Checked:
    patient = sight.patient
    if patient.tunnelled or patient.hostname is None:
        return skipped("C209", "clients go through a tunnel" if patient.tunnelled else "no cluster names one")
    if isinstance(sight.client_address, Trouble):
        remedy = "correct frontends[].hostname in the cluster file, or set tunnel: true there"
        return fix("C209", sight.client_address.detail, remedy, HERE)
    found = sight.client_address or ()
    return ok("C209", f"{patient.hostname} is {', '.join(found)}", addresses=list(found))


def _better(sight: HostSight) -> Checked:
    patient = sight.patient
    if sight.reached:
        return skipped("C210", "the name works")
    if not sight.better:
        return skipped("C210", "no other name for it was found that works")
    names = " or ".join(sight.better)
    told = f"{patient.name} does not work, {names} does"
    if not patient.clusters:
        return fix("C210", told, f"use --host {plain(sight.better[0])}", HERE, works=list(sight.better))
    remedy = (
        f"set frontends[].ssh_hostname: {plain(sight.better[0])} in the definition of "
        f"{' and '.join(patient.clusters)}; hostname is the address of the services"
    )
    return fix("C210", told, remedy, HERE, works=list(sight.better))
