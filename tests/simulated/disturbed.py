"""What can come in the way of a chain's apply: a crash, a lost reply, a change. It always recovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rhl_helpers.calls import MUTATING
from seamless_reconcile.plan import Plan
from simulated.bench import Bench, DictMemory
from simulated.chains import BOUND, PLACED, Chain, bench_of, ending, judged
from world import Effect, Fault, StateFile, World, use
from world.ending import gone
from world.process import Process

# --- killed ----------------------------------------------------------------------------------


class _Witness(DictMemory):
    """Memory that has the world photographed after every note: a crash may come right then."""

    camera: Callable[[], None]

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("note_"):
            return found

        def noted(*args: Any, **named: Any) -> None:
            found(*args, **named)
            self.camera()

        return noted


class Moment(NamedTuple):
    """The world, and what the client remembers, right after a step that changed one of them."""

    world: World
    memory: DictMemory
    after: str


def moments(chain: Chain) -> tuple[str, list[Moment]]:
    """Run a chain undisturbed; gives how it ended, and the moments at which it could have been killed.

    Between two steps that change something nothing changes but time: killed anywhere between them, it
    leaves the earlier one's world. So these are all crashes, before and after each action and inside it.
    """
    bench = bench_of(chain)
    memory = _Witness()
    found: list[Moment] = []

    def photograph(world: World, effects: tuple[Effect, ...]) -> None:
        found.append(Moment(world.clone(), memory.copy(), effects[-1].what if effects else "noted"))

    memory.camera = lambda: photograph(bench.world, ())
    bench.memory = memory
    bench.world.witness = photograph
    applied = bench.apply()
    bench.world.witness = None
    return judged(chain, bench, applied), found


def started_again(chain: Chain, moment: Moment, *, forgets: bool) -> str:
    """Start again where it was killed; gives how that ended."""
    world = moment.world.clone()
    world.new_run()
    bench = Bench(
        world, *bench_of(chain).desired.services.values(),
        memory=DictMemory() if forgets else moment.memory.copy(),
    )  # fmt: skip
    return judged(chain, bench, bench.apply())


# --- replies that get lost -------------------------------------------------------------------


def changing_calls(chain: Chain) -> tuple[str, list[tuple[str, int]]]:
    """Give how a chain ends, and its calls that change something: the helper, and its how-manyeth call."""
    bench = bench_of(chain)
    applied = bench.apply()
    names = [step.argv[0] for step in bench.world.trace if step.argv and step.argv[0] in MUTATING]
    calls = [(name, names[: place + 1].count(name)) for place, name in enumerate(names)]
    return judged(chain, bench, applied), calls


def with_fault(chain: Chain, kind: str, helper: str, nth: int) -> str:
    """Have one call go wrong, then apply once more undisturbed; gives how that ended."""
    bench = bench_of(chain)
    bench.world.faults.insert(0, Fault(kind, helper, nth=nth))
    bench.apply()
    assert bench.world.violations == [], f"{chain}, {kind} {helper}: {bench.world.violations[0]}"
    del bench.world.faults[0]
    bench.world.new_run()
    return recovers(chain, bench)


def recovers(chain: Chain, bench: Bench) -> str:
    """Apply undisturbed until nothing is left to do, within the bound."""
    for _ in range(BOUND):
        applied = bench.apply()
        assert bench.world.violations == [], f"{chain}, afterwards: {bench.world.violations[0]}"
        final = applied.after or applied.plan
        if all(outcome.ok for outcome in applied.outcomes) and not final.actions:
            return "converged" if final.in_sync else ending(chain, final)
    details = [(o.action.verb.value, o.detail) for o in applied.outcomes if not o.ok]
    raise AssertionError(f"{chain}: {BOUND} applies did not settle it: {details}")


# --- changes between plan and apply ----------------------------------------------------------


def _process_dies(chain: Chain, world: World) -> None:
    machine = world.hosts[chain.host]
    for process in list(machine.of_key(PLACED[chain.type].key)):
        gone(world, chain.host, process.pid)


def _stopped_by_another(chain: Chain, world: World) -> None:
    world.transport(chain.host).run(("rhl-stop", PLACED[chain.type].key), timeout=60.0)


def _launched_by_another(chain: Chain, world: World) -> None:
    other = chain._replace(wish=chain.wish._replace(state="running", cache="keep"))
    bench = Bench(world, *bench_of(other).desired.services.values(), memory=DictMemory())
    bench.apply()


def _applied_by_another(chain: Chain, world: World) -> None:
    Bench(world, *bench_of(chain).desired.services.values(), memory=DictMemory()).apply()


def _something_is_stored(chain: Chain, world: World) -> None:
    world.clock.sleep(2.0)
    use(world, chain.host, PLACED[chain.type].key)


def _another_cache_inside(chain: Chain, world: World) -> None:
    machine = world.hosts[chain.host]
    inner = f"{machine.expand(PLACED[chain.type].workdir)}/STAGE-x"
    marker = ".HASHSERVER_PREFIX" if chain.type == "hashserver" else "seamless.db"
    for name in (marker, "ab/cd"):
        machine.tree.write(f"{inner}/{name}", 100, world.clock.now())
    machine.caches[machine.tree.real(inner)] = "service"


def _marker_is_gone(chain: Chain, world: World) -> None:
    machine = world.hosts[chain.host]
    folder = machine.expand(PLACED[chain.type].workdir)
    for marker in (".HASHSERVER_PREFIX", "seamless.db"):
        machine.tree.remove(f"{folder}/{marker}")
    machine.tree.write(f"{folder}/thesis.tex", 100, world.clock.now())
    machine.caches[machine.tree.real(folder)] = "foreign"


def _another_service_moves_in(chain: Chain, world: World) -> None:
    placed, machine = PLACED[chain.type], world.hosts[chain.host]
    argv = tuple(word.replace(placed.key, "another-key") for word in placed.argv)
    transport = world.transport(chain.host)
    world.monitor.allowed.keys[chain.host] |= {"another-key"}  # type: ignore[index]
    transport.run(("rhl-launch-service", "another-key", "--workdir", placed.workdir, "--", *argv), timeout=60)
    world.monitor.allowed.keys[chain.host] -= {"another-key"}  # type: ignore[index]
    world.clock.sleep(2.0)
    machine.launched.clear()


def _state_is_spoilt(chain: Chain, world: World) -> None:
    machine, key = world.hosts[chain.host], PLACED[chain.type].key
    if key in machine.state:
        machine.state[key] = StateFile(machine.state[key].raw[:-9], world.clock.now())


def _pid_is_reused(chain: Chain, world: World) -> None:
    machine = world.hosts[chain.host]
    for process in list(machine.of_key(PLACED[chain.type].key)):
        gone(world, chain.host, process.pid)
        machine.processes[process.pid] = Process(process.pid, "stranger", world.clock.now())


def _forward_dies(chain: Chain, world: World) -> None:
    for forward in world.client.opened:
        world.client.drop(forward.ssh)


def _connection_file_is_gone(chain: Chain, world: World) -> None:
    world.local.client_files.pop(PLACED[chain.type].key, None)


def _host_boots(chain: Chain, world: World) -> None:
    for pid in list(world.hosts[chain.host].processes):
        gone(world, chain.host, pid)


def _host_is_gone_for_a_while(chain: Chain, world: World) -> None:
    world.hosts[chain.host].up = False


def _time_passes(chain: Chain, world: World) -> None:
    world.clock.sleep(700.0)


def _log_grows(chain: Chain, world: World) -> None:
    world.hosts[chain.host].log(PLACED[chain.type].key).write(b"INFO: more\n")


CHANGES: dict[str, Callable[[Chain, World], None]] = {
    change.__name__.strip("_").replace("_", " "): change
    for change in (
        _process_dies, _stopped_by_another, _launched_by_another, _applied_by_another, _something_is_stored,
        _another_cache_inside, _marker_is_gone, _another_service_moves_in, _state_is_spoilt, _pid_is_reused,
        _forward_dies, _connection_file_is_gone, _host_boots, _host_is_gone_for_a_while, _time_passes,
        _log_grows,
    )
}  # fmt: skip


def becomes_undecidable(chain: Chain, change: str) -> bool:
    """Tell whether a change makes, of this chain, one of the states of `undecidable`."""
    case = chain.case
    if change == "pid is reused":
        return case.port != "closed" and case.process == "ours"
    if change == "launched by another":
        return case.cache in ("foreign", "half-cleared")
    if change == "stopped by another":
        # It signals whoever has that pid, and takes away what spoke for caution.
        return case.process in ("reused", "other") and case.port != "closed"
    return False


def changed_meanwhile(chain: Chain, change: str) -> str | None:
    """Change the world between plan and apply, apply the old plan, then recover.

    Gives how that ended; None where there is nothing to apply, or where nobody could tell what has changed.
    """
    if becomes_undecidable(chain, change):
        return None
    bench = bench_of(chain)
    changed = False

    def meanwhile(plan: Plan) -> None:
        nonlocal changed
        changed = True
        before = len(bench.world.violations)
        CHANGES[change](chain, bench.world)
        # What somebody else did wrong is not for this client to answer.
        del bench.world.violations[before:]

    bench.apply(agree=meanwhile)
    if not changed:
        return None
    assert bench.world.violations == [], f"{chain}, {change}: {bench.world.violations[0]}"
    bench.world.hosts[chain.host].up = True
    bench.world.new_run()
    return recovers(chain, bench)
