"""Cluster definitions for lab hosts, in the shape of ~/.seamless/clusters.yaml."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab import conda

if TYPE_CHECKING:
    from lab.host import LabHost

QUEUE = "default"
_ADDRESS = "127.0.0.1"


def on_host(host: LabHost, *, tunnel: bool) -> dict[str, Any]:
    """Define a cluster whose frontend is a lab host, reached by ssh under its name."""
    environment = conda.ENVIRONMENT if host.spec.helpers == "conda" else None
    frontend = {"hostname": _ADDRESS, "ssh_hostname": host.name, **_services(host.data, environment)}
    return {"type": "local", "tunnel": tunnel, "workers": 1, "frontends": [frontend], **_queues()}


def local(home: Path) -> dict[str, Any]:
    """Define a cluster on this machine; name it in `local_cluster` as well."""
    return {"type": "local", "workers": 1, "frontends": [_services(home / "data", None)], **_queues()}


def write(home: Path, definitions: Mapping[str, Any]) -> Path:
    """Write a home's clusters.yaml: cluster definitions by name, `local_cluster` where there is one."""
    path = home / ".seamless" / "clusters.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(dict(definitions), sort_keys=False))
    return path


def _services(data: Path, environment: str | None) -> dict[str, Any]:
    chosen = {} if environment is None else {"conda": environment}
    at = {"network_interface": _ADDRESS}
    return {
        "hashserver": {"bufferdir": str(data / "buffers"), **at, **chosen},
        "database": {"database_dir": str(data / "database"), **at, **chosen},
        "jobserver": {"conda": conda.ENVIRONMENT, **at, **_ports()},
        "daskserver": {**at, **_ports()},
    }


def _ports() -> dict[str, int]:
    """Choose a range of a hundred ports; the services look for a free one in it."""
    start = random.randrange(20_000, 32_000, 100)  # noqa: S311 - to keep out of others' way
    return {"port_start": start, "port_end": start + 99}


def _queues() -> dict[str, Any]:
    queue = {
        "conda": conda.ENVIRONMENT,
        "walltime": "01:00:00",
        "memory": "1GB",
        "cores": 1,
        "unknown_task_duration": "1m",
        "target_duration": "10m",
        "maximum_jobs": 1,
    }
    return {"queues": {QUEUE: queue}, "default_queue": QUEUE}
