"""Every fault that the tests inject: what it is, what should come of it, and what came of it.

The tests hold each entry to what happened (`witness.py`); the page docs/reliability.md is written
from these entries (`page.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        part: the heading it belongs under.
        injected: what was done.
        expected: what should come of it, in general words.
        happened: what a test saw, in its order.
        keeps: the promises of docs/safety.md that this is about.
    """

    part: str
    injected: str
    expected: str
    happened: tuple[str, ...]
    keeps: str


KILLED = "The reconciler is killed"
ANSWERS = "Helpers answer badly, late or not at all"
CONNECTION = "The connection suffers"
LOGIN = "Hosts that do not let us in, or only grudgingly"
DISK = "Disks are full, or may not be written"
BETWEEN = "The world goes on between a look and an act"
CONTENTS = "State files, logs and names are not what they should be"

_UNKNOWN = ("`plan`: exit 3, the service is unknown", "nothing to do was planned")
_TOLD_UNKNOWN = "unknown, with the reason; nothing is planned on it"
_IN_SYNC = ("`plan`: exit 0, in sync",)


def _lost(verb: str) -> tuple[str, ...]:
    return ("`apply`: exit 1", f"{verb}: failed", "the next: exit 0")


FAULTS = {
    "killed on the way": Fault(
        KILLED,
        "`kill -9` of nine applies in a row, each one step further: a tunnel ended, a service stopped, its "
        "log saved, its state removed, a cache cleared, a service launched, it answers, a forward opened, "
        "the client file written",
        "the next apply takes over whatever it finds and comes to the same end",
        (
            "9 applies in a row died",
            "the next: exit 0",
            "one process of each service, one tunnel each, both caches cold",
            "both logs are in the records",
        ),
        "L2 S5",
    ),
    "killed at random": Fault(
        KILLED,
        "`kill -9` at random times of the same apply",
        "the next apply comes to the same end, and no log is lost",
        ("the next apply: exit 0, in sync",),
        "L2 S5",
    ),
    "listing cut off": Fault(
        ANSWERS, "`rhl-ps` prints half a line and exits with 0, each time", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing interleaved": Fault(
        ANSWERS, "somebody else prints into the middle of what `rhl-ps` prints", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing empty": Fault(
        ANSWERS,
        "`rhl-ps` prints nothing and exits with 0, although a service runs",
        "the service counts as absent, but what still answers on its port is found: blocked",
        ("`plan`: exit 5, the service is absent", "nothing to do was planned"),
        "S2 S4",
    ),
    "listing garbage": Fault(ANSWERS, "`rhl-ps` prints 2,000 random bytes", _TOLD_UNKNOWN, _UNKNOWN, "S2 S10"),
    "listing of something else": Fault(
        ANSWERS, "`rhl-ps` prints JSON, but no rows", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing huge": Fault(ANSWERS, "`rhl-ps` prints 50 MB", _TOLD_UNKNOWN, _UNKNOWN, "S2 S10"),
    "listing killed": Fault(ANSWERS, "`rhl-ps` is killed, each time", _TOLD_UNKNOWN, _UNKNOWN, "S2"),
    "listing slow": Fault(
        ANSWERS, "`rhl-ps` takes 4 s where `--timeout 2` is given", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing cut": Fault(
        ANSWERS, "`rhl-ps` is called, and the connection dies, each time", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing cut off once": Fault(
        ANSWERS, "`rhl-ps` prints half a line, once", "it is asked again", _IN_SYNC, "S2"
    ),
    "listing cut once": Fault(
        ANSWERS, "`rhl-ps` is called, and the connection dies, once", "it is asked again", _IN_SYNC, "S2"
    ),
    "listing glued": Fault(
        ANSWERS,
        "a message without a line end stands right before the first row of `rhl-ps`",
        "the row is read",
        _IN_SYNC,
        "S2",
    ),
    "listing doubled": Fault(ANSWERS, "`rhl-ps` prints every row twice", "it changes nothing", _IN_SYNC, "S2"),
    "answers lost": Fault(
        ANSWERS,
        "every changing call of one apply takes effect, but the connection is cut before it answers",
        "the apply looks what came of each, and goes on",
        (
            "the connection was cut in answer to rhl-stop, rhl-rm, rhl-clear, rhl-launch-service",
            "`apply`: exit 0",
        ),
        "S9 L1",
    ),
    "stop lost": Fault(
        ANSWERS,
        "the connection is cut before `rhl-stop` does anything (waits are shortened for this)",
        "said to have failed; the next apply makes it good",
        _lost("stop"),
        "S9 L3",
    ),
    "removal lost": Fault(
        ANSWERS,
        "the same with `rhl-rm`",
        "said to have failed; the next apply makes it good",
        _lost("remove_state"),
        "S9 L3",
    ),
    "clear lost": Fault(
        ANSWERS,
        "the same with `rhl-clear`",
        "said to have failed; the next apply makes it good",
        _lost("clear"),
        "S9 L3",
    ),
    "launch lost": Fault(
        ANSWERS,
        "the same with `rhl-launch-service`",
        "no state file of this launch appears: failed; never launched a second time in one apply",
        _lost("launch"),
        "S4 S9",
    ),
    "cut after bytes": Fault(
        CONNECTION,
        "every connection is cut after 0, 1,200 and 5,000 bytes of what the host says",
        "what was read whole counts, everything else is unknown",
        (
            "`plan`: exit 0 or 3, the service is running or unknown",
            "the wire whole again: exit 0, the service was left alone",
        ),
        "S2",
    ),
    "byte spoiled": Fault(
        CONNECTION,
        "one byte of what the host says is another, at 16 places",
        "unknown, with the reason; a changed byte is never taken for an answer",
        (
            "each of 16 calls: the true answer, or a named error",
            "`plan`: exit 3, the service is unknown",
        ),
        "S2",
    ),
    "latency": Fault(
        CONNECTION,
        "every piece takes 0.15 s, either way",
        "only slower",
        ("`plan`: exit 0, the service is running",),
        "L4",
    ),
    "cut in an apply": Fault(
        CONNECTION,
        "all connections are cut at once right before a service is stopped, the tunnel's too",
        "connected anew, and gone on with",
        ("`apply`: exit 0", "in sync, with one process and one tunnel"),
        "L1",
    ),
    "sshd stopped": Fault(
        CONNECTION,
        "sshd and all it serves get SIGSTOP, and later SIGCONT",
        _TOLD_UNKNOWN,
        ("`plan`: exit 3, the service is unknown", "going on: in sync"),
        "S2",
    ),
    "forward stopped": Fault(
        CONNECTION,
        "the ssh of a tunnel gets SIGSTOP: it listens, and nothing comes through",
        "seen as broken, and replaced",
        (
            "`plan`: exit 0, the tunnel is broken",
            "`apply`: exit 0, another forward, the stopped one is gone",
        ),
        "S8 L1",
    ),
    "monitor killed": Fault(
        CONNECTION,
        "the monitor of a tunnel is killed, its ssh lives on",
        "the tunnel works; no second one is opened beside it",
        ("`plan`: exit 0, the tunnel is open", "`apply`: exit 0, one forward"),
        "S8",
    ),
    "key unknown": Fault(
        LOGIN,
        "no known_hosts file knows the host's key",
        "unknown; no login is tried, no key is learnt",
        ("`plan`: exit 3, the service is unknown", "the reason says: host key; nobody logged in"),
        "S2",
    ),
    "key changed": Fault(
        LOGIN,
        "the known_hosts file has another key for the host",
        "unknown; no login is tried",
        ("`plan`: exit 3, the service is unknown", "the reason says: host key; nobody logged in"),
        "S2",
    ),
    "login refused": Fault(
        LOGIN,
        "the host does not know our key",
        "unknown",
        ("`plan`: exit 3, the service is unknown", "the reason says: authentication failed; nobody logged in"),
        "S2",
    ),
    "narrow": Fault(
        LOGIN,
        "`MaxSessions 1` and `MaxStartups 2:50:3`",
        "calls wait for each other",
        ("two services and their tunnels brought up: exit 0, in sync",),
        "L1",
    ),
    "talkative": Fault(
        LOGIN,
        "a login banner, and a start-up file that prints braces and terminal escapes before every answer",
        "left out; no escape reaches the terminal",
        ("two services and their tunnels brought up: exit 0, in sync",),
        "S2 S10",
    ),
    "client full": Fault(
        DISK,
        "no file on this machine may grow; then, that and an `--events` file on a full device",
        "what cannot be recorded is not done",
        ("`apply`: exit 1", "nothing was done", "with room again: exit 0, the log was saved"),
        "S5 L2",
    ),
    "state read-only": Fault(
        DISK,
        "this client's state folder may not be written",
        "looking goes on; nothing is changed without a record",
        ("`plan`: exit 0", "`apply`: exit 1, the reason names the folder", "nothing was done"),
        "S5 S6",
    ),
    "records read-only": Fault(
        DISK,
        "the folder of records may not be written",
        "nothing is changed without a record",
        ("`apply`: exit 1: nothing was done",),
        "S5",
    ),
    "client files read-only": Fault(
        DISK,
        "the folder of the client's connection files may not be written",
        "the tunnel is not closed; the service behind it is not touched either",
        (
            "`apply`: exit 1, close_tunnel: failed, stop: skipped",
            "with the right to write: exit 0",
        ),
        "S9 L3",
    ),
    "host full": Fault(
        DISK,
        "on the host no file may grow while a service is launched (waits are shortened for this)",
        "said to have failed; no second process is left beside the one of the next apply",
        ("`apply`: exit 1, launch: failed", "with room again: exit 0, one process"),
        "S4 S9",
    ),
    "host state read-only": Fault(
        DISK,
        "the launcher's folder on the host may not be written",
        "the state file stays, nothing is launched",
        (
            "`apply`: exit 1, remove_state: failed, launch: skipped",
            "with the right to write: exit 0",
        ),
        "S4 S9 L3",
    ),
    "cache read-only": Fault(
        DISK,
        "the cache on the host may not be written",
        "not cleared, and said so; nothing is launched on it",
        (
            "`apply`: exit 1, clear: failed",
            "nothing was launched on it",
            "with the right to write: exit 0",
        ),
        "S9 L3",
    ),
}
