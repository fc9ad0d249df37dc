"""The rules of the way to a host: configuration, name, port, host key, forwards, names. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rhl_helpers.reachability import Greeting, Route
from rhl_helpers.transport.known_hosts import KeyVerdict
from seamless_reconcile.doctor.login import WAYS, login_checks, working
from seamless_reconcile.doctor.remedies import forget, plain, record, scan
from seamless_reconcile.doctor.seen import HostSight, Trouble
from seamless_reconcile.doctor.values import HERE, Checked, fix, ok, skipped, untold, warn

IDS = ("C201", "C202", "C203", "C204", "C205", "C206", "C207", "C208", "C209", "C210")


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
    yield from login_checks(sight, route)
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
        return f"{WAYS[sight.asked]}, as asked"
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
        return skipped("C203", f"only {WAYS[working(sight)]} gets there; without it: {greeting.detail}")
    remedy, where = _server_remedy(sight, route, greeting)
    return fix("C203", greeting.detail, remedy, where, kind=greeting.kind)


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
