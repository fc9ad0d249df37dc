"""Users do as users do, applies fail and are killed: nothing bad happens, and in the end all converges."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seamless_reconcile.declared import ServiceState
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, DictMemory, spec_of
from simulated.deployments import PAIR, PLACED, jobserver, pair, store
from simulated.mortality import Death, MortalBench
from world import Allowed, Fault, Killed, World, cold, serving, use
from world.ending import gone

EXHAUSTIVE = bool(os.environ.get("SEAMLESS_RECONCILE_EXHAUSTIVE"))
HOSTS = ("storage", "compute")
NAMES = (*PAIR, "hashserver-STAGE-a", "jobserver")
FAULTS = ("unreachable", "timeout", "lost", "late", "cut", "login", "auth")

STAGE = "/home/svc/buffers/p/STAGE-a"
FOLDERS = {
    "hashserver": "/home/svc/buffers/p", "database": "/home/svc/databases/p", "hashserver-STAGE-a": STAGE,
}  # fmt: skip

names = st.sampled_from(NAMES)
hosts = st.sampled_from(HOSTS)
steps = st.integers(1, 60)


def manifest(
    states: dict[str, str], caches: dict[str, str], epoch: str | None, extra: tuple[str, ...]
) -> list[ServiceSpec]:
    """Give the specs of a project with one stage: storage on one host, jobs on another."""
    found = {
        **{spec.name: spec for spec in pair("storage")},
        "hashserver-STAGE-a": store("STAGE-a", host="storage"),
        "jobserver": jobserver("compute", store="storage"),
    }
    return [_wished(found[name], states[name], caches.get(name, "keep"), epoch, extra) for name in NAMES]


def _wished(
    spec: ServiceSpec, state: str, cache: str, epoch: str | None, extra: tuple[str, ...]
) -> ServiceSpec:
    wished = spec_of(PLACED["hashserver"], state=state, cache=cache, epoch=epoch)
    wish = spec.cache
    if wish is not None and wished.cache is not None:
        wish = replace(wish, state=wished.cache.state, epoch=epoch if cache == "cold" else None)
    argv = (*spec.argv, *extra)
    return replace(spec, state=wished.state, tunnel=wished.tunnel, cache=wish, argv=argv)


class Users(RuleBasedStateMachine):
    """One client with a changing manifest, another one that knows nothing of it, and accidents."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        for host in HOSTS:
            self.world.add_host(host)
        self.states = dict.fromkeys(NAMES, "running")
        self.caches = dict.fromkeys(NAMES[:3], "keep")
        self.epoch: str | None = None
        self.extra: tuple[str, ...] = ()
        self.memory = DictMemory()

    @initialize(latency=st.sampled_from([0.01, 0.05, 0.4]), skew=st.sampled_from([0.0, 0.6, -4000.0]))
    def hosts_are(self, latency: float, skew: float) -> None:
        for host in HOSTS:
            self.world.hosts[host].latency, self.world.hosts[host].skew = latency, skew

    # --- the client ------------------------------------------------------------------------

    def bench(self) -> Bench:
        specs = manifest(self.states, self.caches, self.epoch, self.extra)
        machine = self.world.hosts["storage"]
        colds = {machine.expand(s.cache.path) for s in specs if s.cache and s.cache.state.value == "cold"}
        # An empty cache inside may lose its marker; that it loses nothing else is checked on its own.
        colds |= {STAGE} if self.caches["hashserver"] == "cold" else set()
        self.world.monitor.allowed = Allowed(
            keys={host: frozenset(spec.key for spec in specs if spec.host == host) for host in HOSTS},
            clears={"storage": frozenset(colds)},
            client_keys=frozenset(spec.key for spec in specs),
        )
        return Bench(self.world, *specs, memory=self.memory)

    @rule(name=names, state=st.sampled_from(["running", "stopped", "absent"]))
    def declares_a_state(self, name: str, state: str) -> None:
        self.states[name] = state

    @rule(name=st.sampled_from(NAMES[:3]), cache=st.sampled_from(["keep", "cold"]))
    def declares_a_cache(self, name: str, cache: str) -> None:
        self.caches[name] = cache

    @rule(epoch=st.sampled_from([None, "one", "two"]))
    def declares_an_epoch(self, epoch: str | None) -> None:
        self.epoch = epoch

    @rule(extra=st.sampled_from([(), ("--more",)]))
    def changes_the_command_line(self, extra: tuple[str, ...]) -> None:
        self.extra = extra

    @contextmanager
    def keeping(self) -> Iterator[Bench]:
        """Give the bench, and see that what is to be kept is kept."""
        tree = self.world.hosts["storage"].tree
        kept = [FOLDERS[name] for name, cache in self.caches.items() if cache == "keep"]
        before = {
            path for folder in kept for path, _ in tree.files(folder) if not self._is_inside(path, folder)
        }
        yield self.bench()
        lost = {
            path for path in before if tree.find(path) is None and not path.endswith(".HASHSERVER_PREFIX")
        }
        assert lost == set()

    def _is_inside(self, path: str, folder: str) -> bool:
        return folder != STAGE and path.startswith(f"{STAGE}/")

    @rule()
    def applies(self) -> None:
        with self.keeping() as bench:
            bench.apply()

    @rule(name=names)
    def replaces(self, name: str) -> None:
        with self.keeping() as bench:
            bench.apply(replace=(f"service.{name}",))

    @rule(name=names)
    def applies_a_part(self, name: str) -> None:
        with self.keeping() as bench:
            bench.apply(targets=(f"service.{name}",))

    @rule()
    def plans(self) -> None:
        self.bench().plan()

    @rule(at=steps)
    def is_killed(self, at: int) -> None:
        with self.keeping() as bench:
            try:
                MortalBench(bench, Death(at)).apply()
            except Killed:
                self.world.new_run()
                self.world.settle()

    @rule(kind=st.sampled_from(FAULTS), nth=steps)
    def has_bad_luck(self, kind: str, nth: int) -> None:
        with self.keeping() as bench:
            self.world.faults = [Fault(kind, nth=nth)]
            bench.apply()
            self.world.faults = []

    @rule()
    def forgets(self) -> None:
        self.memory = DictMemory()

    # --- the world -------------------------------------------------------------------------

    def _key(self, name: str) -> tuple[str, str]:
        spec = next(spec for spec in self.bench().desired.services.values() if spec.name == name)
        return spec.host, spec.key

    @rule(name=names)
    def computes(self, name: str) -> None:
        use(self.world, *self._key(name))

    @rule(name=names)
    def service_is_killed(self, name: str) -> None:
        host, key = self._key(name)
        for process in list(self.world.hosts[host].of_key(key)):
            gone(self.world, host, process.pid)

    @rule(host=hosts)
    def host_boots(self, host: str) -> None:
        for pid in list(self.world.hosts[host].processes):
            gone(self.world, host, pid)

    @rule(seconds=st.sampled_from([0.3, 1.0, 30.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    @rule(host=hosts, up=st.booleans())
    def host_goes_down_or_comes_back(self, host: str, up: bool) -> None:
        self.world.hosts[host].up = up

    @rule(name=names)
    def somebody_stops(self, name: str) -> None:
        host, key = self._key(name)
        if self.world.hosts[host].up:
            self.world.transport(host).run(("rhl-stop", key), timeout=60.0)

    @rule(name=names)
    def connection_file_is_lost(self, name: str) -> None:
        self.world.local.client_files.pop(self._key(name)[1], None)

    @precondition(lambda self: self.world.client.opened)
    @rule(data=st.data())
    def forward_dies(self, data: st.DataObject) -> None:
        forward = data.draw(st.sampled_from(self.world.client.opened))
        self.world.client.drop(forward.ssh)

    @rule()
    def another_client_applies(self) -> None:
        everything = manifest(dict.fromkeys(NAMES, "running"), {}, None, self.extra)
        Bench(self.world, *everything, memory=DictMemory()).apply()

    # --- what always holds -----------------------------------------------------------------

    @invariant()
    def nothing_bad_happened(self) -> None:
        assert self.world.violations == []

    def teardown(self) -> None:
        for host in HOSTS:
            self.world.hosts[host].up = True
        bench = self.bench()
        applied = bench.apply()
        final = applied.after or applied.plan
        assert self.world.violations == []
        assert all(outcome.ok for outcome in applied.outcomes)
        # What contradicts itself stays blocked: a job server whose storage is declared down, an epoch
        # that is kept inside a cache that should be empty.
        assert final.actions == ()
        assert final.in_sync or all(self._contradicts(blocked.resource) for blocked in final.blocked)
        assert Verdict.UNKNOWN not in {resource.verdict for resource in final.resources}
        assert bench.apply().outcomes == ()
        for spec in bench.desired.services.values():
            if final.resource(f"service.{spec.name}").verdict is Verdict.IN_SYNC:
                serves = bool(serving(self.world, spec.host, spec.key))
                assert serves is (spec.state is ServiceState.RUNNING), spec.name
            holds_kept = spec.name == "hashserver" and self.caches["hashserver-STAGE-a"] == "keep"
            if self.caches.get(spec.name) == "cold" and self.epoch is None and not holds_kept:
                blocked = final.resource(f"cache.{spec.name}").verdict is Verdict.BLOCKED
                assert blocked or cold(self.world, spec.host, spec.workdir), spec.name

    def _contradicts(self, address: str) -> bool:
        name = address.partition(".")[2]
        if name == "jobserver":
            return any(self.states[needed] != "running" for needed in PAIR)
        # Its stage keeps data that the project's clear would take along.
        inside_kept = self.caches["hashserver-STAGE-a"] == "keep" or self.epoch is not None
        return name == "hashserver" and self.caches["hashserver"] == "cold" and inside_kept


Users.TestCase.settings = settings(
    max_examples=400 if EXHAUSTIVE else 60,
    stateful_step_count=25 if EXHAUSTIVE else 12,
    deadline=None,
    derandomize=not EXHAUSTIVE,
    suppress_health_check=list(HealthCheck),
)
TestUsers = Users.TestCase
