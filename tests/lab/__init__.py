"""Real sshd hosts on loopback ports for the tests; start with `lab.lab`."""

from lab.host import STANDARD, HostSpec, LabHost
from lab.lab import Lab

__all__ = ["STANDARD", "HostSpec", "Lab", "LabHost"]
