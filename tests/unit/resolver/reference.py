"""Run the real `seamless-service-resolve`, and the launcher's own evaluation, once for each request.

A program of its own: the runtime keeps what it has selected, so each request is answered by a
fork of a process that has only imported it. Reads a JSON list of requests, writes a JSON list.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from typing import Any

import seamless_config
import seamless_transformer.record_runtime  # noqa: F401 - imported once, here, not in each fork
from remote_http_launcher import Configuration, RemoteState, _default_server_directory
from seamless_config import config_files, select, tools
from seamless_config.service import _dispatch
from seamless_config.service import resolve as command


def by_command(argv: list[str]) -> dict[str, Any]:
    """Answer as `seamless-service-resolve` prints, and add the command line the launcher would run."""
    kept: list[Any] = []
    real = _dispatch.resolve

    def keeping(args: argparse.Namespace, **options: Any) -> Any:
        kept.append(real(args, **options))
        return kept[0]

    command.resolve = keeping
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        command.main(argv)
    return {**json.loads(printed.getvalue()), **launched(Configuration.from_mapping(kept[0][2]))}


def by_stage(kind: str, stage: str, folder: str) -> dict[str, Any]:
    """Answer as the runtime does after `seamless.config.set_stage`, which knows stage blocks."""
    seamless_config.set_workdir(folder)
    select.select_stage(stage)
    config_files.load_config_files()
    mode = ("rw",) if kind in ("hashserver", "database") else ()
    parsed = Configuration.from_mapping(getattr(tools, f"configure_{kind}")(*mode))
    return {"key": parsed.key, "workdir": parsed.workdir, **launched(parsed)}


def launched(parsed: Any) -> dict[str, Any]:
    """Give what the launcher would do."""
    remote = RemoteState(None, parsed, _default_server_directory().as_posix())
    return {
        "command": remote.evaluate_command(),
        "hostname": parsed.hostname,
        "host": parsed.ssh_hostname if parsed.hostname else "local",
        "tunnel": parsed.tunnel,
        "conda": parsed.conda_env,
        "interface": parsed.network_interface,
        "parameters": parsed.file_parameters,
        "handshake": [parsed.handshake.path, parsed.handshake.port_name],
    }


def answer(request: dict[str, Any]) -> Any:
    try:
        return by_command(request["argv"]) if "argv" in request else by_stage(**request)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the answer
        return {"error": f"{type(exc).__name__}: {exc}"}


def forked(request: dict[str, Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(answer(request), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as out:
        text = out.read()
    os.waitpid(child, 0)
    return json.loads(text)


def main() -> None:
    json.dump([forked(request) for request in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
