"""Every pattern on a log as the real services write it: named ID.TYPE.STATE.log."""

from __future__ import annotations

from collections import defaultdict

import pytest

from seamless_reconcile.diagnose.knowledge import Scope, Sure
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from unit.diagnose.made import LOGS, ids, told

# What a log is certain of where it ends with it, and what the service's state then is.
GUESSES = {"D243", "D244", "D245", "D299"}

# Other wordings of the same: a line of each, in the shape in which they are written.
OTHER_WORDS = {
    "D203": [
        "ImportError: /lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found; GLIBC_2.34",
        "ImportError: /x/_zstd.so: undefined symbol: ZSTD_createCCtx",
    ],
    "D204": ["TypeError: Cursor.execute() takes 2 positional arguments but 3 were given"],
    "D205": [
        "AttributeError: partially initialized module 'dask' has no attribute 'config'",
        "AttributeError: type object 'FileResponse' has no attribute 'chunk_size'",
    ],
    "D210": ["OSError: [Errno 98] Address already in use"],
    "D211": ["uvloop.Error: address already in use"],
    "D213": ["socket.gaierror: [Errno -3] Temporary failure in name resolution"],
    "D220": [
        "sqlite3.OperationalError: database or disk is full",
        "OSError: [Errno 122] Disk quota exceeded",
        "RuntimeError: No space left on device",
        "RuntimeError: Disk quota exceeded",
    ],
    "D221": ["cat: write error: Disk quota exceeded", "sqlite3: database or disk is full"],
    "D222": ["peewee.OperationalError: attempt to write a readonly database"],
    "D223": [
        "OSError: [Errno 30] Read-only file system: '/data'",
        "OSError: [Errno 5] Input/output error",
        "OSError: [Errno 116] Stale file handle",
        "RuntimeError: Read-only file system",
        "RuntimeError: Stale file handle",
    ],
    "D224": ["OSError: [Errno 24] Too many open files: '/x'", "RuntimeError: Too many open files"],
    "D225": [
        "FileExistsError: Directory '/data/file' is not a directory",
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/buffers'",
    ],
    "D232": ["sqlite3.DatabaseError: database disk image is malformed"],
    "D233": [
        "peewee.OperationalError: no such column: t1.metadata",
        "sqlite3.OperationalError: table transformation has no column named result",
    ],
    "D240": ["MemoryError", "OSError: [Errno 12] Cannot allocate memory"],
    "D241": [
        "kernel: oom-kill:constraint=CONSTRAINT_MEMCG",
        "Out of memory: Killed process 4411 (hashserver)",
        "slurmstepd: error: Detected 1 oom event",
        "slurmstepd: error: Job 77 exceeded memory limit (2048 > 1024), being killed",
        "slurmstepd: error: Exceeded job memory limit",
        "slurmstepd: error: Exceeded step memory limit at some point.",
    ],
    "D242": [
        "Terminated",
        "Segmentation fault",
        "/bin/sh: line 1: 77 Aborted (core dumped) hashserver",
        "Bus error",
        "Aborted",
    ],
    "D250": [
        "EnvironmentLocationNotFound: Not a conda environment: /c/envs/x",
        "Could not find conda environment: x",
        "Not a conda environment: /x",
    ],
    "D251": [
        "CommandNotFoundError: Your shell has not been properly configured to use 'conda activate'.",
        "CondaError: Run 'conda init' before 'conda activate'",
        "sh: 1: conda: not found",
        "bash: /home/svc/miniforge3/etc/profile.d/conda.sh: No such file or directory",
        "Unable to discover conda base path.",
        "rhl-cache-conda: conda activate is not initialized and no usable conda.sh was found",
    ],
    "D252": [
        "bash: line 1: hashserver: command not found",
        "bash: line 1: exec: hashserver: cannot execute: required file not found",
    ],
    "D253": [
        "seamless-dask-wrapper: error: the following arguments are required: --port-range",
        "hashserver: error: argument --port: invalid int value: 'x'",
    ],
    "D254": [
        "Status file '/home/svc/x.json' is not valid JSON: Expecting value",
        "Status file '/home/svc/x.json' must contain a JSON object",
    ],
    "D260": [
        "RuntimeError: Parameter 'cores' must be positive",
        "RuntimeError: Invalid 'lifetime' value: x",
        "RuntimeError: Cluster string must be of the form 'MODULE::SYMBOL'",
        "RuntimeError: Status file must define a 'parameters' object",
        "RuntimeError: Keys of 'extra_dask_config' must be strings",
        "RuntimeError: Values of 'extra_dask_config' must be strings",
        "RuntimeError: Cluster symbol must be a Cluster instance, class or function",
        "RuntimeError: Cluster class must subclass dask.distributed.Cluster",
        "RuntimeError: Cannot return LocalCluster instance: LocalCluster doesn't read ports from config.",
    ],
    "D261": [
        "RuntimeError: Command exited with non-zero exit code.",
        "FileNotFoundError: [Errno 2] No such file or directory: 'oarsub'",
        "FileNotFoundError: [Errno 2] No such file or directory: sbatch",
        "sbatch: error: invalid partition specified: gpu",
    ],
    "D262": [
        "slurmstepd: error: *** JOB 5 ON node1 CANCELLED AT 2026-03-02T00:00:00 DUE TO TIME LIMIT ***",
        "JOB 5 CANCELLED AT 2026-03-02T00:00:00 DUE TO TIME LIMIT",
        "oarsub: command refused",
        "Failed to generate job script: no account",
    ],
    "D263": [
        "distributed.comm.core.CommClosedError: in <TCP (closed)>: Stream is closed",
        "distributed.client.WorkerDied: x",
        "TimeoutError: No valid workers found",
        "OSError: Timed out trying to connect to tcp://10.0.0.5:46039 after 30 s",
        "RuntimeError: Nanny failed to start.",
        "distributed.core.WorkerStartTimeoutError: Only 0/1 workers arrived after 30",
    ],
    "D264": [
        "distributed.nanny - ERROR - Nanny failed to start process",
        "distributed.worker - WARNING - Closing dangling queue",
        "distributed.nanny - ERROR - Failed to start worker",
        "distributed.worker - INFO - Unable to connect to scheduler: Timed out",
        "Scheduler was unaware of this worker 'tcp://10.0.1.7:40847'",
        "Worker died unexpectedly",
    ],
    "D265": ["Mismatched versions found"],
    "D266": [
        "_pickle.UnpicklingError: pickle data was truncated",
        "_pickle.PicklingError: Can't pickle <function f>",
        "TypeError: ('Could not serialize object of type _HLGExprSequence', '<x>')",
    ],
    "D270": [
        "ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 1)",
        "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected",
        "RuntimeError: Cannot connect to host 127.0.0.1:1",
    ],
    "D271": ["worker-1: Healthcheck failed for http://x", "worker-1: Cannot connect to host 127.0.0.1:1"],
    "D272": [
        "concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated",
        "seamless_transformer.worker.WorkerDiedError: worker-1",
        "RuntimeError: An attempt has been made to start a new process before the current one has finished",
    ],
    "D280": ["PUT 3338be694f50 invalid compressed payload"],
    "D298": ["500 Internal Server Error"],
}


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_log_is_explained(path):
    id_, kind, state = path.stem.split(".")
    found = told(state, kind, path.read_bytes())
    assert ids(found)[0] == id_, ids(found)
    assert found.health.value == "wrong"
    first = found.causes[0]
    if state in ("starting", "running", "failed") and id_ not in GUESSES:
        assert first.sure is Sure.CERTAIN, first
    # Of a service that lives a log only lets one guess.
    assert state not in ("alive", "absent") or first.sure is not Sure.CERTAIN
    assert found.fix
    assert "{" not in found.fix
    assert found.next


def test_every_cause_has_a_log():
    with_logs = {path.stem.split(".")[0] for path in LOGS}
    surroundings = {one.id for one in knowledge().causes if one.id.startswith("D3")}
    assert with_logs == {one.id for one in knowledge().causes} - surroundings


def texts():
    """Give all lines that a pattern is to find, by its id."""
    found = defaultdict(list)
    for path in LOGS:
        log = read_log(path.read_bytes())
        found[path.stem.split(".")[0]] += [*log.lines, *(one.line for one in log.tracebacks)]
    for id_, lines in OTHER_WORDS.items():
        found[id_] += lines
    return found


@pytest.mark.parametrize("cause", knowledge().causes, ids=lambda cause: cause.id)
def test_every_expression_finds_something(cause):
    lines = texts()[cause.id]
    for expression in cause.log:
        assert any(expression.search(line) for line in lines), expression.pattern


@pytest.mark.parametrize(
    ("id_", "line"), [(id_, line) for id_, lines in OTHER_WORDS.items() for line in lines]
)
def test_other_wordings_lead_to_the_same_cause(id_, line):
    cause = next(one for one in knowledge().causes if one.id == id_)
    kind = min(cause.when.types) if cause.when.types else "database"
    text = line
    if cause.scope is Scope.EXCEPTION:
        text = f'Traceback (most recent call last):\n  File "x.py", line 1, in f\n{line}'
    state = "alive" if "service.running" in cause.when.all else "failed"
    found = told(state, kind, text.encode())
    titles = [one.cause.title for one in found.causes]
    assert cause.title in titles, ids(found)


@pytest.mark.parametrize(
    "line",
    [
        '2026-03-02 00:10:56,194 INFO:     127.0.0.1:36224 - "GET /healthcheck HTTP/1.1" 200 OK',
        "INFO:Starting Worker plugin shuffle",
        "Dask worker configuration:",
        "[jobserver] Completed transformation aa -> bb",
        "INFO:Adaptive scaling started: minimum=0 maximum=1",
        "Press Ctrl+C to end",
        "OK",
    ],
)
@pytest.mark.parametrize("kind", ["hashserver", "database", "jobserver", "daskserver"])
def test_what_is_usual_is_no_cause(kind, line):
    found = told("alive", kind, f"{line}\n".encode() * 3)
    assert ids(found) == []
    assert found.health.value == "well"
