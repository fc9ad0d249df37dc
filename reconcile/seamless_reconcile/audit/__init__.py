"""See everything, change nothing: findings about services, tunnels, caches and hosts, by stable ids.

The rules are pure; what reads is in the second half.

catalogue    what can be found, what it means, what to do about it
scene        what is looked at, and what a finding is
findings     all rules together, and those of hosts
services, connections, caches   the rules of each kind
adopt        specs for services that nobody declared, from their own rows
changes      what is new and what is gone between two looks
heard        what services answered, kept between looks

survey       read everything that is looked at
besides      what a plan does not read: guards, clocks, caches inside caches
idling       how long a service was not used, where its log tells
away         hosts that do not answer
watching     look again and again
reaching     the same on the real world
"""

from seamless_reconcile.audit.catalogue import CATALOGUE, Rule, Severity
from seamless_reconcile.audit.findings import find, untold
from seamless_reconcile.audit.scene import Finding, Scene

__all__ = ["CATALOGUE", "Finding", "Rule", "Scene", "Severity", "find", "untold"]
