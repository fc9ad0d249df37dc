"""Can this client reach these hosts and their helpers? Look, say what stands in the way; change nothing.

catalogue    what is checked, and why it matters
values       what a check gives: values
seen         what was seen of a host and of this machine: values
verdicts     the host rules together, and how a whole examination ended
reach, login, helpers, policy, surroundings    the rules of a host, by what they are about
here         the rules of this machine
remedies     words and commands that remedies are made of
patients     which hosts, and what is asked of each
look_host, look_here    read all that is judged
visit        the same on the real world

asking       what a host's helpers tell

All but `patients`, `look_host`, `asking`, `look_here` and `visit` is pure.
"""

from seamless_reconcile.doctor.catalogue import CHECKS, Check
from seamless_reconcile.doctor.values import Checked, Examination, HostReport, Status

__all__ = ["CHECKS", "Check", "Checked", "Examination", "HostReport", "Status"]
