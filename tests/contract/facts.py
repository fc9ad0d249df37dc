"""What the helpers really do, in our own words; each fact has tests that prove it in both worlds.

`python tests/contract/facts.py > docs/helper-facts.md` writes the table; a test keeps it fresh.
"""

from __future__ import annotations

import ast
import pathlib
import sys

HERE = pathlib.Path(__file__).parent

FACTS = {
    # --- reading ---
    "rows": (
        "`rhl-ps --json` prints one object a line: the state file's keys plus `key`, `status`, "
        "`json_status`, `live` and (if need be empty) `meta`. `workdir` stands as it was passed; "
        "`log` and `command` are absolute."
    ),
    "one bad file": (
        "One malformed, non-UTF-8, deeply nested or directory-shaped state file, or one with an "
        "impossible pid, fails `rhl-ps` for all keys; `rhl-inspect` still reads each of the others."
    ),
    "vanished file": (
        "A state file that is not there is proven absent by `rhl-inspect` alone; every other failure "
        "of it is told apart from that."
    ),
    "phantom": (
        "A state file that vanishes while `rhl-ps` lists it shows as a `failed` row with nothing else in it."
    ),
    "one bad path": ("`rhl-ps-persistent` gives no row at all if one of its paths is bad."),
    "marker": (
        "With `--marker`, a directory without it gets no row, and the marker is no content; without, "
        "a directory that holds only its marker counts as populated. So does a parent that only holds "
        "`STAGE-*`."
    ),
    "file": (
        "With `--file`, populated means that this file exists; its size and its time (host-local, no "
        "zone, whole seconds) are given."
    ),
    "levels": ("With `--level`, subdirectories get rows too, dot-directories and symlinked ones included."),
    "fresh database": (
        "A database makes a `seamless.db` of 98,304 bytes as it starts; the first insert changes its "
        "time, not its size."
    ),
    "prefix marker": ("A hashserver leaves `.HASHSERVER_PREFIX` in its directory as it starts."),
    "alive is little": ("Zombies, other users' processes and reused pids count as live."),
    "running too early": (
        "A service may write `running` before its port is bound (the hashserver does): alive is not healthy."
    ),
    "dead while starting": (
        "A service that dies before it could write anything stays `starting`, `live: false`."
    ),
    "failed": ("A service that gives up says `failed`; rhl-ps then does not look at its pid."),
    "absent is not dead": ("A stopped daskserver removes its state file at once and lives on."),
    "late stale": (
        "`rhl-stop` marks whatever state file it finds at its end: a live successor can read `stale`."
    ),
    "kept parameters": ("`parameters` and `meta` given at the launch stay in the state file as they were."),
    "idle": (
        "Any request, the handshake too, resets the idle timer; an idle service ends by itself and "
        "leaves its state file `running`."
    ),
    "logs": (
        "`rhl-logs` gives the raw bytes of the log; with `--tail N` its last lines. It needs no state file."
    ),
    "exit codes": (
        "Helpers exit 1 for nearly everything, with their reason on stderr; 127 if not installed."
    ),
    "login messages": ("What a login script prints precedes the JSON."),
    "proxy": (
        "An `http_proxy` in the helper's environment makes `rhl-handshake` fail, though the port answers."
    ),
    "handshake": ("`rhl-handshake` exits 0 for 2xx, 2 for any other status, 1 if there was no HTTP answer."),
    "verify port": ("`rhl-verify-port` only connects: a silent port passes. A closed one takes it 4 s more."),
    "pid alive": ("`rhl-pid-alive` exits 0 or 1 without a word; nonsense is refused with one."),
    "conda": (
        "`--conda-env` needs `rhl-cache-conda` once; `rhl-conda-info` shows what it found. The log is "
        "truncated before a missing conda is noticed, and a missing environment leaves the state "
        "`starting`."
    ),
    "conda path": ("Helpers in a conda base are found only with its `bin` put on PATH."),
    # --- changing ---
    "clear unasked": (
        "`rhl-clear` does not look for live processes; a database cleared under its feet still answers."
    ),
    "clear deep": (
        "`rhl-clear` takes one subdirectory per pass and child, and exits 1 as long as there was one: "
        "a tree takes one pass more than it has directories below its deepest child, in any order of "
        "the file system."
    ),
    "clear dots": ("`rhl-clear` takes dot-files, leaves dot-directories, and exits 0 all the same."),
    "clear absent": ("`rhl-clear` of an absent path exits 1."),
    "clear links": ("`rhl-clear` follows a symlinked root and removes symlinks below it as such."),
    "clear anything": (
        "The helpers' path checks know only a dozen system directories: `/home`, `/root`, `/dev` and "
        "`/usr/lib` pass."
    ),
    "guard marker": (
        "Under `--clear-policy`, directories without the marker are refused, absent and empty ones too."
    ),
    "guard second pass": (
        "A first pass of `rhl-clear` takes the root's marker, so the guard refuses the second."
    ),
    "guard roots": ("Under `--data-roots`, paths outside are refused, absent and empty ones inside are not."),
    "guard no policy": ("Without a policy, clearing, looking at directories and launching are refused."),
    "guard heuristics": ("Under any policy: no home or above, no dot-segment, no system directory."),
    "guard commands": ("Leading assignments are dropped; anything but one `rhl-*` helper is refused."),
    "launch unasked": (
        "`rhl-launch-service` does not look for a running process of the key: it truncates its log "
        "and overwrites its state."
    ),
    "launch twice": (
        "Of two launches at once, the pid and the port in the state file may be of different processes."
    ),
    "leftover state": (
        "A service that finds a leftover state file before its own is written is stuck at `starting`."
    ),
    "state comes back": (
        "A service that is still starting recreates a state file that was removed; one that runs "
        "stays invisible."
    ),
    "disk full": (
        "If its state cannot be written, `rhl-launch-service` exits 1 and leaves a process behind, "
        "which ends by itself when its wait for the state file is over."
    ),
    "launch checks": (
        "`rhl-launch-service` checks the key, the directory, the JSON, the binary's name and where "
        "the status file is to be, in that order, before anything changes."
    ),
    "stop any pid": ("`rhl-stop` signals whatever pid the file holds, in `failed` rows too."),
    "stop hard": ("`rhl-stop` sends SIGINT, SIGTERM, SIGKILL, 5 s apart, to that one process only."),
    "stop several": ("One bad key among several, and `rhl-stop` stops nothing."),
    "stop zombie": ("A zombie takes `rhl-stop` its full 10 s and is reported as `kill required`, exit 0."),
    "stop dry run": ("A `dry_run` row has no pid to stop: `invalid PID`."),
    "stop denied": (
        "Another user's process: `permission denied`, exit 1, and the state file stays as it is."
    ),
    "stop missing": (
        "A missing state file is reported and exits 0; a dead pid is `already gone` and marked `stale`."
    ),
    "rm both": ("`rhl-rm` without a flag removes the client's and the server's file; a missing key exits 0."),
    "rm log": ("`rhl-rm` leaves the log where it is."),
}


def proofs() -> dict[str, list[str]]:
    """Find which tests prove which fact, by their marks."""
    found: dict[str, list[str]] = {fact: [] for fact in FACTS}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for fact in marked(node):
                    found[fact].append(f"{path.name}::{node.name}")
    return found


def marked(function: ast.FunctionDef) -> list[str]:
    """Give the facts a test is marked with."""
    return [
        ast.literal_eval(argument)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fact"
        for argument in decorator.args
    ]


def page() -> str:
    """Write the page."""
    lines = [
        "# What the helpers really do",
        "",
        "Facts about the `rhl-*` helpers of remote-http-launcher and the services they start, each proved",
        "by the contract suite (`tests/contract/`) twice: against the simulated world, and against the real",
        "helpers on the machine that runs the suite.",
        "",
        "Generated by `python tests/contract/facts.py > docs/helper-facts.md`.",
        "",
        "| fact | proved by |",
        "|---|---|",
    ]
    for fact, tests in proofs().items():
        names = "<br>".join(f"`{test}`" for test in tests)
        lines.append(f"| {FACTS[fact]} | {names} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
