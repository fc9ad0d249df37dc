"""rhl-launch-service and rhl-cache-conda."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from world import services
from world.command import SYSTEM, Died, Result, check_key, normal, traceback
from world.files import inside
from world.state import StateFile

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Died(f"{self.format_usage()}rhl-launch-service: error: {message}", code=2)


def _parser() -> _Parser:
    parser = _Parser(prog="rhl-launch-service", description="Start a service and write its state.")
    parser.add_argument("--key", required=True)
    parser.add_argument("--workdir", required=True)
    for flag in ("--conda-env", "--network-interface", "--parameters", "--meta"):
        parser.add_argument(flag)
    parser.add_argument("service_argv", nargs=argparse.REMAINDER)
    return parser


_PARSER = _parser()


def launch(world: World, host: SimHost, args: list[str]) -> Result:
    """Start a service, without asking whether one runs; the state is written after the start."""
    ns = _PARSER.parse_args(args)
    argv: list[str] = ns.service_argv[1:] if ns.service_argv[:1] == ["--"] else ns.service_argv
    if not argv:
        raise _no_launch("service binary is required after --")
    check_key(ns.key)
    workdir = _workdir(host, ns.workdir)
    parameters = _json_object(ns.parameters, "--parameters")
    meta = _json_object(ns.meta, "--meta")
    if argv[0] not in host.tools:
        raise _no_launch(f"service binary is not whitelisted: {argv[0]!r}")
    argv[1:] = _arguments(host, argv[1:])
    now = world.clock.now() + host.skew
    host.tree.mkdirs(workdir, now)
    world.monitor.launching(world, host, ns.key, workdir)
    host.log(ns.key).truncate()
    world.effect(host.name, "truncated log", ns.key)
    pid = _start(world, host, ns, workdir, argv)
    extra = {"network_interface": ns.network_interface, "parameters": parameters, "meta": meta}
    data: dict[str, Any] = {
        "workdir": ns.workdir,
        "log": host.log_path(ns.key),
        "command": shlex.join(argv),
        "uid": 0 if host.root else 1000,
        "pid": pid,
        "status": "starting",
        **{name: value for name, value in extra.items() if value is not None},
    }
    if host.state_write:
        world.clock.sleep(host.state_write)
    if host.disk_full:
        raise _no_launch("[Errno 28] No space left on device")
    host.state[ns.key] = StateFile(json.dumps(data).encode(), world.clock.now() + host.skew)
    world.effect(host.name, "wrote state", ns.key)
    return Result(0)


def _start(world: World, host: SimHost, ns: argparse.Namespace, workdir: str, argv: list[str]) -> int:
    if ns.conda_env is not None and host.conda is None:
        raise _no_launch(f"conda cache not found: {host.base}/conda-setup.json")
    if ns.conda_env is None and host.binaries is not None and argv[0] not in host.binaries:
        raise _no_launch(f"[Errno 2] No such file or directory: {argv[0]!r}")
    if ns.conda_env is not None and ns.conda_env not in host.conda_envs:
        host.fates[ns.key] = ("conda", *host.fates.get(ns.key, ()))
    process = services.spawn(world, host, ns.key, workdir, argv)
    host.launched.add(process.pid)
    world.effect(host.name, "started", f"{ns.key} {process.pid}")
    return process.pid


def _no_launch(message: str) -> Died:
    return Died(f"rhl-launch-service: {message}")


def _workdir(host: SimHost, raw: str) -> str:
    path = normal(host.expand(raw))
    if not path.startswith("/"):
        raise Died(f"rhl: workdir must be absolute: {raw!r}")
    if ".." in raw.split("/"):
        raise Died(f"rhl: workdir must not contain '..': {raw!r}")
    if host.tree.real(path) in SYSTEM or path in SYSTEM:
        raise Died(f"rhl: refusing to use system directory as workdir: {raw!r}")
    return path


def _json_object(raw: str | None, label: str) -> dict[str, Any] | None:
    if raw is None:
        return None
    try:
        data = json.loads(raw)
    except json.JSONDecodeError as exc:
        raise _no_launch(f"{label} must be valid JSON: {exc}") from None
    if not isinstance(data, dict):
        raise _no_launch(f"{label} must be a JSON object")
    return data


def _arguments(host: SimHost, words: list[str]) -> list[str]:
    """Expand `~` in the service's arguments and check where its status file is to be."""
    done = [host.expand(word) for word in words]
    for index, word in enumerate(done):
        if word == "--status-file":
            if index + 1 >= len(done):
                raise _no_launch("--status-file requires a value")
            done[index + 1] = _status_file(host, done[index + 1])
        elif word.startswith("--status-file="):
            done[index] = "--status-file=" + _status_file(host, word.split("=", 1)[1])
    return done


def _status_file(host: SimHost, value: str) -> str:
    path = normal(host.expand(value))
    if not path.startswith("/"):
        raise _no_launch("--status-file must be absolute")
    if not inside(host.tree.real(path), host.tree.real(f"{host.base}/server")):
        raise _no_launch("--status-file must live under the launcher server directory")
    return path


def cache_conda(world: World, host: SimHost, args: list[str]) -> Result:
    """Remember where conda is, if it is anywhere."""
    if host.conda_found is None:
        raise Died(traceback("FileNotFoundError: [Errno 2] No such file or directory: 'conda'"))
    host.conda = host.conda_found
    world.effect(host.name, "wrote conda cache", host.name)
    return Result(0, f"rhl-cache-conda: wrote {host.base}/conda-setup.json\n".encode())
