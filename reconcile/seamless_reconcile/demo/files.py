"""What is written into the folder. `~` is the folder's own HOME."""

from __future__ import annotations

CLUSTERS = """\
local_cluster: demo
demo:
  type: local
  workers: 1
  frontends:
    - hashserver: {bufferdir: ~/buffers, network_interface: localhost}
      database: {database_dir: ~/databases, network_interface: localhost}
"""

PROJECT = """\
- project: demo
"""

PROFILE = """\
- cluster: demo
- execution: process
"""

MANIFEST = """\
version: 1
services:
  hashserver: {state: running, cache: cold}
  database:   {state: running, cache: cold}
"""

DOWN = """\
version: 1
services:
  hashserver: absent
  database: absent
"""

WORDS = """\
Declare what the services should be,
and let the difference be made.
"""

HOME_FILES = {".seamless/clusters.yaml": CLUSTERS}
WORK_FILES = {
    "seamless.yaml": PROJECT,
    "seamless.profile.yaml": PROFILE,
    "seamless.reconcile.yaml": MANIFEST,
    "down.yaml": DOWN,
    "words.txt": WORDS,
}
