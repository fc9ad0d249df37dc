"""parallel-ssh as its users would: one client for all hosts. Run by the peers' Python.

Reads what `floor` reads.
"""

from __future__ import annotations

import json
import sys

from pssh.clients import ParallelSSHClient
from pssh.config import HostConfig


def main() -> None:
    """Read all hosts."""
    targets = json.load(sys.stdin)
    config = [
        HostConfig(port=target["port"], user=target["user"], private_key=target["key"], password="")
        for target in targets
    ]
    client = ParallelSSHClient(
        [target["host"] for target in targets], host_config=config, pool_size=len(targets)
    )
    for number in range(len(targets[0]["calls"])):
        args = [(target["calls"][number],) for target in targets]
        for output in client.run_command("%s", host_args=args):
            if not "".join(output.stdout):
                raise SystemExit(f"{output.host}: no answer")


if __name__ == "__main__":
    main()
