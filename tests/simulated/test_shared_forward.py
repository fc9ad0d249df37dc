"""A person's own ssh that carries a forward to a service among others is neither used up nor in the way."""

from __future__ import annotations

from rhl_helpers.client import Forward, Process
from simulated.bench import Bench, spec_of, state
from simulated.deployments import new_world
from world import HASHSERVER
from world.cases import FRONTEND


class WithOwn:
    """This machine's side, and a forward somebody opened together with others."""

    def __init__(self, client, port: int, *, shared: bool) -> None:
        self._client = client
        self._own = Forward(45_999, FRONTEND, "localhost", port, ssh=Process(77, 1.0), shared=shared)
        self.ended: list[Forward] = []

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def forwards(self) -> list[Forward]:
        return [*self._client.forwards(), *([] if self.ended else [self._own])]

    def end_forward(self, forward: Forward) -> None:
        if forward.local_port != self._own.local_port:
            self._client.end_forward(forward)
            return
        assert not forward.shared, "it carries others too"
        self.ended.append(forward)


def serving_with(*, shared: bool) -> Bench:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    bench.converge()
    port = bench.plan().resource("service.hashserver").observed["port"]
    bench.client = WithOwn(bench.client, port, shared=shared)
    return bench


def test_one_that_carries_others_too_is_no_orphan() -> None:
    bench = serving_with(shared=True)
    assert state(bench.plan(), "tunnel.hashserver") == "open"
    assert bench.apply().outcomes == ()


def test_one_that_carries_nothing_else_is_an_orphan_and_ended() -> None:
    bench = serving_with(shared=False)
    assert state(bench.plan(), "tunnel.hashserver") == "orphan"
    bench.converge()
    assert len(bench.client.ended) == 1
