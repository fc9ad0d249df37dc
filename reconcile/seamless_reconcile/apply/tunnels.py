"""Close and open the connection to a service, the way the Seamless client itself does."""

from __future__ import annotations

from typing import Any

from rhl_helpers.client import ConnectionFile, Forward
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.apply.context import POLL_SECONDS, Context, Step, done, failed, refused, unneeded
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.kinds.tunnel import State, TunnelObserved, classify
from seamless_reconcile.observe.hosts import row_of
from seamless_reconcile.observe.tunnels import ask_through, read_client, read_tunnel
from seamless_reconcile.observed import Present
from seamless_reconcile.plan import Action

ANSWER_SECONDS = 10.0


def close_tunnel(context: Context, action: Action) -> Step:
    """End the forwards of a connection, then remove its file.

    In this order a crash in between leaves a broken tunnel, which the next plan sees, and not a
    forward that nothing leads to.
    """
    spec = context.spec(action)
    seen = context.snapshot.tunnels[spec.name]
    now = _look(context, spec, _row_then(context, spec), passive=True)
    if now.state is State.CLOSED:
        return unneeded("it is closed")
    if now.local_port != seen.local_port:
        return refused(
            f"the client file names port {now.local_port} now, the plan was made on {seen.local_port}"
        )
    ended = [_end(context, forward) for forward in now.forwards]
    if now.file is not None:
        context.reach.client.remove_file(spec.key)
    left = _look(context, spec, _row_then(context, spec), passive=True)
    if left.state is not State.CLOSED:
        return failed(f"it is still {left.state.value}: {left.reason}")
    return done(
        f"{len(ended)} forward{'s' if len(ended) != 1 else ''} ended" if ended else "client file removed"
    )


def _end(context: Context, forward: Forward) -> int:
    context.reach.client.end_forward(forward)
    return forward.local_port


def _row_then(context: Context, spec: ServiceSpec) -> ServerRow | None:
    """Give the service's row as the plan saw it: it names the ports its forwards lead to."""
    return context.snapshot.services[spec.name].row


def _look(context: Context, spec: ServiceSpec, row: ServerRow | None, *, passive: bool) -> TunnelObserved:
    here = read_client(context.reach.client, forwards=spec.tunnelled)
    facts = read_tunnel(spec, here, row, context.reach.client, passive=passive)
    return classify(spec, facts, row, service_known=True)


def open_tunnel(context: Context, action: Action) -> Step:
    """Make the connection file, and the forwards it names, and hear a handshake through them."""
    spec = context.spec(action)
    row = row_of(context.listing(spec), spec.key)
    if not isinstance(row, Present) or not row.value.live or row.value.json_status != "running":
        return refused(f"service.{spec.name} is not running any more")
    now = _look(context, spec, row.value, passive=False)
    if now.state is State.OPEN:
        return unneeded("a client has opened it meanwhile")
    if now.state is not State.CLOSED:
        return refused(f"it is {now.state.value} now: {now.reason}")
    if row.value.port is None:
        return refused(f"service.{spec.name} names no port")
    return _open(context, spec, row.value)


def _open(context: Context, spec: ServiceSpec, row: ServerRow) -> Step:
    client = context.reach.client
    try:
        payload = _tunnelled(context, spec, row) if spec.tunnelled else _direct(spec, row)
        client.write_file(spec.key, payload)
        problem = _wait_for_answer(context, spec)
    except BaseException:
        _undo(context, spec, row)
        raise
    if problem:
        _undo(context, spec, row)
        return failed(problem, "check that the host lets this login forward ports" if spec.tunnelled else "")
    return done(f"local port {payload['port']}", local_port=payload["port"])


def _tunnelled(context: Context, spec: ServiceSpec, row: ServerRow) -> dict[str, Any]:
    """Open the forwards; gives the connection file in the launcher's own form."""
    client, hostname = context.reach.client, spec.hostname or "localhost"
    port, pid = row.port or 0, row.pid or 0
    payload: dict[str, Any] = {
        "hostname": "localhost",
        "port": client.open_forward(spec.host, hostname, port, pid),
        "tunneled-host": spec.host,
        "tunneled-port": port,
        "tunneled-network-interface": row.network_interface or spec.network_interface,
    }
    for name, there in row.extra_ports.items():
        payload[name] = client.open_forward(spec.host, hostname, there, pid)
        payload[f"tunneled-{name}"] = there
    return _completed(payload, spec, row)


def _direct(spec: ServiceSpec, row: ServerRow) -> dict[str, Any]:
    hostname = spec.hostname or row.network_interface or spec.network_interface
    payload: dict[str, Any] = {"hostname": hostname, "port": row.port, **row.extra_ports}
    if spec.hostname and spec.host != spec.hostname:
        payload["ssh_hostname"] = spec.host
    return _completed(payload, spec, row)


def _completed(payload: dict[str, Any], spec: ServiceSpec, row: ServerRow) -> dict[str, Any]:
    if row.parameters:
        payload["parameters"] = dict(row.parameters)
    if spec.meta:
        payload["meta"] = dict(spec.meta)
    return payload


def _wait_for_answer(context: Context, spec: ServiceSpec) -> str:
    """Ask through the new connection until it answers; gives what is wrong if it does not."""
    clock = context.reach.clock
    deadline = clock.monotonic() + ANSWER_SECONDS
    while True:
        file = context.reach.client.files().get(spec.key)
        if not isinstance(file, ConnectionFile):
            return "the client file just written is gone or unreadable"
        answer = ask_through(spec, file, context.reach.client)
        if answer is Answer.OK:
            return ""
        if clock.monotonic() > deadline:
            return f"nothing answers through local port {file.port}"
        clock.sleep(POLL_SECONDS)


def _undo(context: Context, spec: ServiceSpec, row: ServerRow) -> None:
    """Leave nothing half open: end the forwards that were opened, then remove the file."""
    now = _look(context, spec, row, passive=True)
    for forward in now.forwards:
        context.reach.client.end_forward(forward)
    context.reach.client.remove_file(spec.key)
