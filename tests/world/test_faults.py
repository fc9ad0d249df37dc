"""What can go wrong on the way to a machine, and what stays done when it does."""

from __future__ import annotations

import io

import pytest

from rhl_helpers import calls
from rhl_helpers.errors import (
    AuthenticationFailed,
    CallTimeout,
    HelperError,
    HostKeyProblem,
    NotInstalled,
    ProtocolError,
    Unreachable,
)
from rhl_helpers.host import Host
from rhl_helpers.transport.base import Answer, Transport
from world import HASHSERVER, Case, Fault, Killed, World, build
from world.cases import FRONTEND

KEY = HASHSERVER.key


def run(world: World, *argv: str, timeout: float = 20.0) -> bytes:
    return world.transport(FRONTEND).run(argv, timeout=timeout).stdout


def test_the_transport_is_one() -> None:
    transport: Transport = World().transport()
    assert transport.host == "local"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("unreachable", Unreachable), ("timeout", CallTimeout), ("auth", AuthenticationFailed),
     ("host key", HostKeyProblem), ("kill before", Killed)],
)  # fmt: skip
def test_before_any_effect(kind: str, error: type[BaseException]) -> None:
    world = build(Case("stale"))
    world.faults.append(Fault(kind, "rhl-rm"))
    with pytest.raises(error):
        run(world, "rhl-rm", KEY, "--server")
    assert KEY in world.hosts[FRONTEND].state
    assert (world.trace[-1].exit_code, world.trace[-1].fault) == (None, kind)
    run(world, "rhl-rm", KEY, "--server")
    assert KEY not in world.hosts[FRONTEND].state


@pytest.mark.parametrize(
    ("kind", "error"), [("lost", Unreachable), ("late", CallTimeout), ("kill after", Killed)]
)
def test_after_it_took_effect(kind: str, error: type[BaseException]) -> None:
    world = build(Case("stale"))
    world.faults.append(Fault(kind))
    with pytest.raises(error):
        run(world, "rhl-rm", KEY, "--server")
    assert KEY not in world.hosts[FRONTEND].state
    assert [effect.what for effect in world.trace[-1].effects] == ["removed state"]


def test_half_an_answer() -> None:
    world = build(Case("stale"))
    world.faults.append(Fault("cut", "rhl-ps", times=None))
    with pytest.raises(ProtocolError):
        Host(world.transport(FRONTEND)).call(calls.ps())
    world.faults[:] = [Fault("clipped", "rhl-ps", times=None)]
    with pytest.raises(ProtocolError):
        Host(world.transport(FRONTEND)).call(calls.ps())


def test_a_reply_of_one_s_own() -> None:
    world = build(Case("stale"))
    world.faults.append(Fault("reply", "rhl-ps", reply=(127, b"", b"bash: rhl-ps: command not found\n")))
    with pytest.raises(NotInstalled):
        Host(world.transport(FRONTEND)).call(calls.ps())


def test_the_nth_call_and_how_often() -> None:
    world = build(Case("stale"))
    world.faults.append(Fault("unreachable", "rhl-ps", host=FRONTEND, nth=2, times=2))
    outcomes = []
    for _ in range(5):
        run(world, "rhl-inspect", KEY)
        try:
            run(world, "rhl-ps")
            outcomes.append(True)
        except Unreachable:
            outcomes.append(False)
    assert outcomes == [True, False, False, True, True]


def test_a_host_that_is_down() -> None:
    world = build(Case("running", "ours", "ours", "good", client="good"))
    world.hosts[FRONTEND].up = False
    with pytest.raises(Unreachable):
        run(world, "rhl-ps")
    with pytest.raises(Unreachable):
        world.transport(FRONTEND).probe("localhost", 1, "", timeout=1)
    assert world.client.probe("localhost", 61_000, "healthcheck") is Answer.SILENT


def test_a_caller_without_patience_lets_a_stop_go_on() -> None:
    world = build(Case("running", "zombie"))
    start = world.clock.now()
    with pytest.raises(CallTimeout):
        run(world, "rhl-stop", KEY, timeout=3.0)
    assert world.clock.now() - start > 3.0
    assert b'"stale"' in world.hosts[FRONTEND].state[KEY].raw


def test_a_caller_without_patience_leaves_a_reading_call_alone() -> None:
    world = build(Case("running", "ours"))
    machine = world.hosts[FRONTEND]
    machine.ports[1] = next(
        iter(build(Case("running", "ours", "ours")).hosts[FRONTEND].ports.values())
    )._replace(kind="silent")
    start = world.clock.now()
    with pytest.raises(CallTimeout):
        run(world, "rhl-handshake", "http://localhost:1/", timeout=2.0)
    assert world.clock.now() - start == pytest.approx(2.0)


def test_output_is_capped_and_streamed() -> None:
    world = build(Case("stale"))
    world.hosts[FRONTEND].log(KEY).write(b"x" * 100)
    transport = world.transport(FRONTEND)
    reply = transport.run(("rhl-logs", KEY), timeout=5, max_output=10)
    assert (len(reply.stdout), reply.truncated) == (10, True)
    sink = io.BytesIO()
    reply = transport.run(("rhl-logs", KEY), timeout=5, stdout_to=sink)
    assert (reply.stdout, reply.truncated) == (b"", False)
    assert sink.getvalue().endswith(b"x" * 100)


def test_another_client_acts_in_between() -> None:
    world = build(Case("stale"))

    def meddle(world: World, host: str, argv: tuple[str, ...]) -> None:
        world.interpose = None
        run(world, "rhl-rm", KEY, "--server")

    world.interpose = meddle
    assert run(world, "rhl-ps").split()[-1] == b"PORT"
    assert [step.argv[0] for step in world.trace] == ["rhl-rm", "rhl-ps"]


@pytest.mark.parametrize(("probes", "asked"), [(True, Answer.OK), (False, None)])
def test_a_transport_may_be_unable_to_probe(probes: bool, asked: Answer | None) -> None:
    world = build(Case("running", "ours", "ours"))
    (port,) = world.hosts[FRONTEND].ports
    transport = world.transport(FRONTEND, probes=probes)
    assert transport.probe("localhost", port, "healthcheck", timeout=1) is asked
    assert Host(transport).probe("localhost", port, "healthcheck") is Answer.OK


def test_errors_of_the_world_are_errors_of_the_product() -> None:
    world = build(Case("malformed"))
    with pytest.raises(HelperError):
        Host(world.transport(FRONTEND)).call(calls.ps())
