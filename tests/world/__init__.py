"""A simulated world that speaks the helpers' language.

`World` holds machines (`SimHost`), this client (`SimClient`), a clock, a trace and safety monitors;
`World.transport(host)` gives a `Transport` that interprets every rhl-* helper as the real ones behave
(proved by tests/contract). `Case` and `build` make any initial state of the matrix.
"""

from world.builders import build
from world.cases import DASKSERVER, DATABASE, HASHSERVER, JOBSERVER, Case, Placed, every_case
from world.client import SimClient
from world.machine import SimHost
from world.monitor import Allowed, Violation
from world.process import Listener, Profile
from world.state import StateFile
from world.transport import Fault, Killed, SimTransport
from world.truth import cold, serving, use
from world.world import LOCAL, Effect, Step, World

__all__ = [
    "DASKSERVER",
    "DATABASE",
    "HASHSERVER",
    "JOBSERVER",
    "LOCAL",
    "Allowed",
    "Case",
    "Effect",
    "Fault",
    "Killed",
    "Listener",
    "Placed",
    "Profile",
    "SimClient",
    "SimHost",
    "SimTransport",
    "StateFile",
    "Step",
    "Violation",
    "World",
    "build",
    "cold",
    "every_case",
    "serving",
    "use",
]
