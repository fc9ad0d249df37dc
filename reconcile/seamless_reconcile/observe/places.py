"""Where directories of this machine really are: links are followed here, on other hosts nobody can (S3)."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from rhl_helpers.client import Client
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.facts import CacheFacts, HostFacts
from seamless_reconcile.kinds.cache import CacheNode


def with_real_workdirs(facts: HostFacts, client: Client) -> HostFacts:
    """Give the rows of this machine with the directories their services really work in (S1)."""
    if facts.host != LOCAL:
        return facts
    rows = {
        key: row.model_copy(update={"workdir": client.real_path(row.workdir)}) if row.workdir else row
        for key, row in facts.rows.items()
    }
    return replace(facts, rows=rows)


def with_real_place(facts: CacheFacts, node: CacheNode, client: Client) -> CacheFacts:
    """Say where a cache of this machine really is, and whether that is where its name says."""
    if node.host != LOCAL:
        return facts
    base = node.root or posixpath.dirname(node.path)
    named = posixpath.join(client.real_path(base), posixpath.relpath(node.path, base))
    real = client.real_path(node.path)
    return replace(facts, real_path=real, displaced=real != named)
