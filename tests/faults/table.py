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


def _state(what: str, code: int, state: str) -> Fault:
    seen = (
        f"`apply`: exit {code}, the service is {state}, its process was left alone",
        "the file as it was: in sync",
    )
    expected = "no second process is launched, and the first is left alone"
    return Fault(CONTENTS, f"the state file of a running service is {what}", expected, seen, "S2 S4")


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
    "killed going down": Fault(
        KILLED,
        "`kill -9` of an apply that takes a service away and leaves its cache",
        "the next apply comes to the same end, and no log is lost",
        (
            "the next apply: exit 0, in sync",
            "no process, no tunnel, no state on either side, its data there, its log saved",
        ),
        "L2 S5",
    ),
    "killed coming up": Fault(
        KILLED,
        "`kill -9` of an apply that replaces a service which had died",
        "the next apply comes to the same end, and no log is lost",
        (
            "the next apply: exit 0, in sync",
            "one process, one tunnel, its data there, its log saved",
        ),
        "L2 S5",
    ),
    "killed at random": Fault(
        KILLED,
        "`kill -9` at random times of an apply that makes two caches cold",
        "the next apply comes to the same end, and no log is lost",
        (
            "the next apply: exit 0, in sync",
            "one process of each service, one tunnel each, both caches cold, both logs saved",
        ),
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
    "listing garbage": Fault(
        ANSWERS, "`rhl-ps` prints 2,000 random bytes", _TOLD_UNKNOWN, _UNKNOWN, "S2 S10"
    ),
    "listing of something else": Fault(
        ANSWERS, "`rhl-ps` prints JSON, but no rows", _TOLD_UNKNOWN, _UNKNOWN, "S2"
    ),
    "listing huge": Fault(ANSWERS, "`rhl-ps` prints 50 MB", _TOLD_UNKNOWN, _UNKNOWN, "S2 S10"),
    "listing killed": Fault(ANSWERS, "`rhl-ps` is killed, each time", _TOLD_UNKNOWN, _UNKNOWN, "S2"),
    "listing slow": Fault(
        ANSWERS, "`rhl-ps` takes 3 s where `--timeout 1` is given", _TOLD_UNKNOWN, _UNKNOWN, "S2"
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
    "listing doubled": Fault(
        ANSWERS, "`rhl-ps` prints every row twice", "it changes nothing", _IN_SYNC, "S2"
    ),
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
        "every connection is cut after 1,200 or 5,000 bytes of what the host says",
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
        (
            "`plan`: exit 3, the service is unknown",
            "the reason says: authentication failed; nobody logged in",
        ),
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
    "idled out": Fault(
        BETWEEN,
        "a service with an idle timeout of 2 s exits by itself between `plan --out` and `apply FILE`",
        "the saved plan is stale; a new one brings the service up again",
        ("`apply FILE`: exit 4, nothing was done", "`apply`: it is launched anew"),
        "S7",
    ),
    "died after the plan": Fault(
        BETWEEN,
        "a service is killed between `plan --out` and `apply FILE`",
        "the saved plan is stale; a new one heals",
        ("`apply FILE`: exit 4, nothing was done", "`apply`: exit 0"),
        "S7 L1",
    ),
    "died before the act": Fault(
        BETWEEN,
        "a service is killed between the plan and the act of one apply that replaces it",
        "not stopped, since it is not there any more; launched",
        ("`apply`: exit 0, stop: unneeded, launch: done", "one process, in sync"),
        "S7 S9",
    ),
    "replaced before the act": Fault(
        BETWEEN,
        "another client replaces a service between the plan and the act of one apply that would stop it",
        "it is not the process that the plan was made on: refused",
        ("`apply`: exit 1, stop: refused", "the other's service was left alone"),
        "S7 L5",
    ),
    "two of one client": Fault(
        BETWEEN,
        "a second apply of the same user while one is at work",
        "locked out",
        ("the second: exit 75", "the first: exit 0"),
        "L5",
    ),
    "two clients launch": Fault(
        BETWEEN,
        "two clients launch one service in the same moment, each after its last look",
        "the helpers have no locks, so both start; one client at most takes itself for the winner",
        (
            "one apply at most: exit 0; the other: exit 1",
            "who lost says so, and what to do",
            "the one too many ended by hand, and applied again: both in sync, one process",
        ),
        "L5",
    ),
    "local port stolen": Fault(
        BETWEEN,
        "two local ports are taken by somebody right after they were found free for a tunnel",
        "another one is used",
        ("`apply`: exit 0", "a third port is used, one tunnel"),
        "S8 L1",
    ),
    "remote port stolen": Fault(
        BETWEEN,
        "a service is killed on its host, and another program takes its port, and answers every handshake",
        "it could be the service itself under another pid: blocked, and told where, until it is gone",
        (
            "the service is stale, the tunnel open",
            "`apply`: exit 5, nothing was launched",
            "that program gone: exit 0, in sync",
        ),
        "S2 S4",
    ),
    "clock off": Fault(
        BETWEEN,
        "this machine's clock is 400 days behind, then 400 days ahead, of the host's",
        "nothing is judged by comparing the two clocks alone",
        ("replaced under each clock: exit 0, in sync",),
        "L1",
    ),
    "time zone off": Fault(
        BETWEEN,
        "the host tells the times of files in another time zone than before",
        "a database's receipt no longer fits: when in doubt it is not cold",
        ("the database is populated, and would be cleared once more",),
        "S2",
    ),
    "state cut off": _state("half a JSON object", 5, "malformed"),
    "state huge": _state("50 MB", 3, "unknown"),
    "state not UTF-8": _state("JSON that is not UTF-8", 5, "malformed"),
    "state nested": _state("200,000 brackets", 5, "malformed"),
    "state empty": _state("nothing", 5, "malformed"),
    "state a folder": _state("a folder", 5, "malformed"),
    "state a pipe": _state("a pipe that nobody writes to", 3, "unknown"),
    "state a loop": _state("a link to itself", 5, "stale"),
    "state of nonsense": _state("JSON with a pid of -1, a port of letters and no status", 5, "malformed"),
    "bad neighbours": Fault(
        CONTENTS,
        "state files of others are cut off, empty, nested, folders, links to themselves, and have terminal "
        "escapes in their names",
        "in nobody's way, except where something would be cleared: what they stand for may work there",
        ("`plan`: exit 0, no escape on the terminal", "a clear there: exit 5"),
        "S1 S10",
    ),
    "escapes in a log": Fault(
        CONTENTS,
        "a helper fails with terminal escapes (a window title, colours, right-to-left) in what it says",
        "shown without them",
        ("`apply`: exit 1", "no escape on the terminal"),
        "S10",
    ),
}
