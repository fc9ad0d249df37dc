"""Two clients that launch at the same moment leave two processes: both clients find out, and say so (L5).

That the moment exists is not promised away (docs/safety.md): no helper locks, none launches on a condition.
"""

from __future__ import annotations

from collections.abc import Callable

from rhl_helpers import calls
from rhl_helpers.host import Host
from seamless_reconcile.kinds.service import Life
from seamless_reconcile.planner import Options
from simulated.bench import Bench, DictMemory, reasons, spec_of, verbs
from simulated.deployments import frontend, new_world
from world import HASHSERVER, World, use
from world.cases import FRONTEND
from world.ending import gone

KEY = HASHSERVER.key


def _over(world: World) -> None:
    """Launch without a look, as somebody does whose look was a moment ago."""
    call = calls.launch_service(
        KEY, HASHSERVER.workdir, HASHSERVER.argv, meta={"reconcile": {"launch_id": "other"}}
    )
    Host(world.transport(FRONTEND)).call(call)


class _Right:
    """Do something right before (or after) a client's launch."""

    def __init__(self, act: Callable[[World], object], *, after: bool = False) -> None:
        self.act, self.after, self.seen = act, after, False

    def __call__(self, world: World, host: str, argv: tuple[str, ...]) -> None:
        if self.seen or (argv[0] == "rhl-launch-service" and not self.after):
            world.interpose = None
            self.act(world)
        self.seen = argv[0] == "rhl-launch-service"


def overtaken(state: str = "running", cache: str = "keep") -> Bench:
    """Give the client whose service was launched once more by somebody who had just looked."""
    world = new_world()
    first = Bench(world, spec_of(HASHSERVER, tunnel="closed"))
    world.interpose = _Right(lambda _: first.converge())
    Bench(world, spec_of(HASHSERVER, tunnel="closed"), memory=DictMemory()).apply()
    assert len(frontend(world).of_key(KEY)) == 2
    assert {violation.rule for violation in world.violations} <= {"S4", "S5"}
    world.new_run()
    return first.with_specs(spec_of(HASHSERVER, state=state, cache=cache, tunnel="closed"))


def test_who_was_overtaken_is_warned_of_the_second_process() -> None:
    first = overtaken()
    plan = first.plan()
    known = first.memory.known[FRONTEND, KEY]
    assert plan.in_sync
    (warned,) = plan.warnings
    assert warned.resource == "service.hashserver"
    assert f"a second process of it, {known.pid}, answers on port {known.port}" in warned.message
    assert f"kill {known.pid}" in warned.message


def test_no_other_plan_is_made_beside_a_second_process() -> None:
    assert "a second process" in reasons(overtaken(state="stopped").plan())["service.hashserver"]
    cold = overtaken(cache="cold")
    assert use(cold.world, FRONTEND, KEY)
    plan = cold.plan()
    assert verbs(plan) == []
    assert "a second process" in reasons(plan)["cache.hashserver"]


def test_where_the_one_in_the_state_file_ended_the_second_is_a_hidden_process() -> None:
    first = overtaken()
    row = Host(first.world.transport(FRONTEND)).call(calls.inspect(KEY))
    Host(first.world.transport(FRONTEND)).call(calls.stop(KEY))
    second = first.memory.known[FRONTEND, KEY].pid
    assert getattr(row, "pid", None) != second
    seen = first.loop().plan(Options())[1].services["hashserver"]
    assert (seen.life, seen.pid) == (Life.HIDDEN, second)


def test_once_it_was_ended_nothing_more_is_said() -> None:
    first = overtaken()
    known = first.memory.known[FRONTEND, KEY]
    gone(first.world, FRONTEND, known.pid)
    assert first.plan().warnings == ()
    assert first.apply().converged


def test_a_service_that_another_client_restarted_has_no_second_process() -> None:
    first = Bench(new_world(), spec_of(HASHSERVER))
    first.converge()
    Bench(first.world, spec_of(HASHSERVER), memory=DictMemory()).apply(replace=("service.hashserver",))
    assert first.plan().warnings == ()


def test_who_loses_the_race_names_the_process_and_remembers_it() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    bench.world.interpose = _Right(_over, after=True)
    applied = bench.apply()
    (failed,) = [outcome for outcome in applied.outcomes if outcome.result.value == "failed"]
    assert failed.detail == "another client launched it at the same time"
    first, _ = sorted(process.pid for process in frontend(bench.world).of_key(KEY))
    assert failed.hint == f"a second process of {KEY} is left on {FRONTEND}; end it by hand: kill {first}"
    assert f"a second process of it, {first}" in bench.plan().warnings[0].message
