"""The truth about a simulated world, and what its users do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import services
from world.files import Dir, File

if TYPE_CHECKING:
    from world.world import World


def use(world: World, host: str, key: str) -> bool:
    """Have a client store something through a service; False if no process of the key serves."""
    machine = world.hosts[host]
    now = world.clock.now() + machine.skew
    for process in machine.of_key(key):
        service = process.service
        if service is None or service.port not in machine.ports:
            continue
        service.last_request = world.clock.now()
        if service.kind == "database" and service.data is not None:
            node = machine.tree.find(service.data)
            # Cleared under its feet, it goes on writing to a file that has no name any more.
            if isinstance(node, File):
                node.results, node.mtime = node.results + 1, now
        elif service.kind == "hashserver" and service.data is not None:
            machine.tree.write(f"{service.data}/ef/ef{process.pid:062d}", 1_000, now)
        return True
    return False


def cold(world: World, host: str, path: str) -> bool:
    """Tell the truth about a directory: whether it holds no results at all."""
    machine = world.hosts[host]
    real = machine.tree.real(machine.expand(path))
    if not isinstance(machine.tree.find(real), Dir):
        return True
    for name, file in machine.tree.files(real):
        base = name.rpartition("/")[2]
        if base == services.DATABASE_FILE:
            if file.results:
                return False
        elif base not in (services.PREFIX_MARKER, ".rhl-clearable"):
            return False
    return True


def serving(world: World, host: str, key: str) -> list[int]:
    """Tell the truth about a service: the pids of its key that answer on a port."""
    machine = world.hosts[host]
    bound = {listener.pid for listener in machine.ports.values() if listener.kind == "service"}
    return [process.pid for process in machine.of_key(key) if process.pid in bound]
