"""Who is near whom on the hosts of a plan, so that no decision compares every pair.

Here things are only found, by the same rules: each method names the one that it answers for all at
once. What may be done with what was found is decided in `safety` and in the modules beside this one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from rhl_helpers.rows import ServerRow
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import CacheNode
from seamless_reconcile.kinds.service import ServiceObserved
from seamless_reconcile.nearby import Nearby
from seamless_reconcile.paths import expand
from seamless_reconcile.safety import SCRATCH, keeps_nothing_in, places
from seamless_reconcile.snapshot import Snapshot


class Terrain:
    """All hosts of a plan; what is asked of none of them is never put together."""

    def __init__(self, desired: Desired, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._specs: dict[str, list[ServiceSpec]] = defaultdict(list)
        self._nodes: dict[str, list[CacheNode]] = defaultdict(list)
        self._hosts: dict[str, Ground] = {}
        for spec in desired.services.values():
            self._specs[spec.host].append(spec)
        for node in snapshot.nodes:
            self._nodes[node.host].append(node)

    def on(self, host: str) -> Ground:
        """Give one host."""
        if host not in self._hosts:
            facts = self._snapshot.hosts.get(host, HostFacts(host))
            self._hosts[host] = Ground(facts, self._specs[host], self._nodes[host], self._snapshot.services)
        return self._hosts[host]


class Ground:
    """One host.

    Attributes:
        facts: its launcher rows.
        specs: the services that the manifest puts there.
        nodes: the caches of these.
    """

    def __init__(
        self,
        facts: HostFacts,
        specs: Iterable[ServiceSpec],
        nodes: Iterable[CacheNode],
        seen: Mapping[str, ServiceObserved],
    ) -> None:
        self.facts = facts
        self.specs = tuple(specs)
        self.nodes = tuple(nodes)
        self._seen = seen

    # --- caches ----------------------------------------------------------------------------

    @cached_property
    def _as_written(self) -> Nearby[CacheNode]:
        return Nearby((node.path, node) for node in self.nodes)

    @cached_property
    def _by_place(self) -> Nearby[CacheNode]:
        return Nearby(((node.path, node) for node in self.nodes), self.facts.home)

    def inside(self, node: CacheNode) -> list[CacheNode]:
        """Give the caches of the manifest that lie inside one (`kinds.cache.encloses`)."""
        return self._as_written.below(node.path)

    def above(self, node: CacheNode) -> list[CacheNode]:
        """Give the caches of the manifest that one lies inside, however their paths are written."""
        return self._by_place.above(node.path)

    def named(self, paths: Iterable[str], home: str | None) -> list[CacheNode]:
        """Give the caches of the manifest that are meant by paths as the host prints them."""
        index = self._by_place if home == self.facts.home else self._known_by(home)
        return [node for path in paths for node in index.at(path)]

    def _known_by(self, home: str | None) -> Nearby[CacheNode]:
        if home not in self._homes:
            self._homes[home] = Nearby(((node.path, node) for node in self.nodes), home)
        return self._homes[home]

    @cached_property
    def _homes(self) -> dict[str | None, Nearby[CacheNode]]:
        return {}

    # --- processes -------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> _Workers:
        return _Workers(((row.key, row) for row in self.facts.rows.values()), self.facts.home)

    def facts_near(self, *paths: str) -> HostFacts:
        """Give what is known of the host, of its rows only those that work near (`safety.touches`)."""
        keys = [key for path in paths for key in self._rows.near(path)]
        return replace(self.facts, rows={key: self.facts.rows[key] for key in keys})

    @cached_property
    def _alive(self) -> tuple[dict[str, str], _Workers]:
        """Index the live services: by key those whose row is the listing's own, and the others."""
        alive = [spec for spec in self.specs if self._seen[spec.name].alive]
        rows = [(spec, self._seen[spec.name].row) for spec in alive]
        listed = {spec.key: spec.name for spec, row in rows if row is self.facts.rows.get(spec.key)}
        others = [(spec.name, row) for spec, row in rows if row is not None and spec.key not in listed]
        return listed, _Workers(others, self.facts.home)

    def at_work_near(self, path: str) -> list[str]:
        """Name the live services of the manifest that work near a directory (`safety.touches`)."""
        listed, others = self._alive
        here = [listed[key] for key in self._rows.near(path) if key in listed]
        return here + others.near(path)

    @cached_property
    def _strangers(self) -> Nearby[ServerRow]:
        declared = {spec.key for spec in self.specs}
        others = (row for row in self.facts.rows.values() if row.key not in declared)
        return Nearby(((row.workdir, row) for row in others if row.workdir), self.facts.home)

    def strangers_above(self, node: CacheNode) -> list[ServerRow]:
        """Give the rows that the manifest does not name and whose workdir a cache lies in."""
        return self._strangers.above(node.path)

    # --- launches --------------------------------------------------------------------------

    @cached_property
    def _workdirs(self) -> Nearby[ServiceSpec]:
        launched = (s for s in self.specs if s.persistent or expand(s.workdir, self.facts.home) != SCRATCH)
        return Nearby(((spec.workdir, spec) for spec in launched), self.facts.home)

    def launched_near(self, node: CacheNode) -> list[str]:
        """Name the services that would be launched on a cache, or near it."""
        return [*node.services, *(spec.name for spec in self._workdirs.touching(node.path))]

    @cached_property
    def hiding(self) -> list[str]:
        """Name the services whose malformed state file may hide what else runs there."""
        hidden = self.facts.hidden_by
        return [spec.name for spec in self.specs if spec.key in hidden or spec.key in self.facts.malformed]


class _Workers:
    """Rows by the directories that their services work in, each under a name."""

    def __init__(self, rows: Iterable[tuple[str, ServerRow]], home: str | None) -> None:
        self._home = home
        self._rows = [(name, row) for name, row in rows]

    def near(self, path: str) -> list[str]:
        """Name those that touch a directory, in order (`safety.touches`)."""
        index = self._everything if expand(path, self._home) == SCRATCH else self._but_scratch
        return list(dict.fromkeys(index.touching(path)))

    @cached_property
    def _everything(self) -> Nearby[str]:
        return Nearby(((place, name) for name, row in self._rows for place in places(row)), self._home)

    @cached_property
    def _but_scratch(self) -> Nearby[str]:
        home = self._home
        kept = (
            (place, name)
            for name, row in self._rows
            for place in places(row)
            if not keeps_nothing_in(row, place, home)
        )
        return Nearby(kept, home)
