"""What all commands share: options, and how they become values."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from seamless_reconcile.cli import names
from seamless_reconcile.cli.failures import guarded
from seamless_reconcile.cli.output import Output
from seamless_reconcile.exits import Exit

DEFAULT_FILE = names.DEFAULT_FILE

Function = Callable[..., Any]
Command = Callable[..., Exit]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which manifests, and how hosts are reached.

    Attributes:
        timeout: seconds for each read, None for the built-in ones.
        parallel: how many things are done at once.
        lock_timeout: seconds to wait for another run of this user.
    """

    files: tuple[str, ...] = ()
    ssh: Literal["auto", "paramiko", "openssh"] = "auto"
    timeout: float | None = None
    parallel: int = 8
    lock_timeout: float = 0.0


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The resources the user named."""

    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()


def _stack(function: Function, *decorators: Callable[[Function], Function]) -> Function:
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def output_options(*, json: bool = True) -> Callable[[Command], Function]:
    """Add how a command talks; the command gets an `Output` first, and may fail in any known way."""

    def decorate(command: Command) -> Function:
        @functools.wraps(command)
        def run(*, color: str, quiet: bool, verbose: bool, as_json: bool = False, **rest: Any) -> int:
            out = Output(json=as_json, quiet=quiet, verbose=verbose, color=color)
            return int(guarded(out, lambda: command(out, **rest)))

        decorators = [
            click.option(
                "--color",
                type=click.Choice(["auto", "always", "never"]),
                default="auto",
                help="Colours; auto: on a terminal, unless NO_COLOR is set.",
            ),
            click.option("-q", "--quiet", is_flag=True, help="Only the result, as short as it gets."),
            click.option("-v", "--verbose", is_flag=True, help="More of everything."),
        ]
        if json:
            flag = click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
            decorators.insert(0, flag)
        return _stack(run, *decorators)

    return decorate


def manifest_options(function: Function) -> Function:
    """Add `-f`; the function gets `asked`."""

    @functools.wraps(function)
    def run(*args: Any, files: tuple[str, ...], **rest: Any) -> Any:
        return function(*args, asked=Asked(files=files), **rest)

    return _files_option(run)


def reaching_options(function: Function) -> Function:
    """Add `-f` and how hosts are reached; the function gets `asked`."""

    @functools.wraps(function)
    def run(
        *args: Any,
        files: tuple[str, ...],
        ssh: Literal["auto", "paramiko", "openssh"],
        timeout: float | None,
        parallel: int,
        **rest: Any,
    ) -> Any:
        return function(*args, asked=Asked(files, ssh, timeout, parallel), **rest)

    return _stack(
        run,
        _files_option,
        click.option(
            "--ssh",
            type=click.Choice(["auto", "paramiko", "openssh"]),
            default="auto",
            help="How hosts are reached; auto: paramiko, unless the host's ssh config needs the ssh binary.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0.1, max=86_400),
            callback=_finite,
            metavar="SECONDS",
            help="How long one read of a host may take.",
        ),
        click.option(
            "--parallel",
            type=click.IntRange(1, 256),
            default=8,
            show_default=True,
            metavar="N",
            help="How many things are done at once.",
        ),
    )


def _files_option(function: Function) -> Function:
    option = click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        metavar="FILE",
        shell_complete=names.files,
        help=f"The manifest; several are a union. Default: {DEFAULT_FILE} in this folder.",
    )
    return option(function)


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("a number of seconds is needed", ctx=ctx, param=param)
    return value


def narrowing_options(function: Function) -> Function:
    """Add `--target` and `--replace`; the function gets `narrowed`."""

    @functools.wraps(function)
    def run(*args: Any, target: tuple[str, ...], replace: tuple[str, ...], **rest: Any) -> Any:
        return function(*args, narrowed=Narrowed(target, replace), **rest)

    return _stack(
        run,
        click.option(
            "--target",
            multiple=True,
            metavar="ADDR",
            shell_complete=names.addresses,
            help="Only this resource and what it requires, such as service.database. May be repeated.",
        ),
        click.option(
            "--replace",
            multiple=True,
            metavar="ADDR",
            shell_complete=names.replaceable,
            help="Replace this service or tunnel although nothing is wrong with it. May be repeated.",
        ),
    )


events_option = click.option(
    "--events",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append what happens, as it happens, one JSON object a line.",
)


def lock_option(default: float) -> Callable[[Function], Function]:
    """Add `--lock-timeout`; the function gets `asked` with it."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run(*args: Any, lock_timeout: float, asked: Asked, **rest: Any) -> Any:
            return function(*args, asked=replace(asked, lock_timeout=lock_timeout), **rest)

        return click.option(
            "--lock-timeout",
            type=click.FloatRange(min=0, max=86_400),
            callback=_finite,
            default=default,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for another run of yours that is at work there.",
        )(run)

    return decorate
