from __future__ import annotations

import pytest

from seamless_reconcile.manifest.command import command_fault, expand

VALUES = {
    "status_file": "~/s/k.json",
    "workdir": "/w d",
    "key": "k",
    "hostname": "h",
    "network_interface": "localhost",
    "timeout": "600",
}


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("x --status-file {status_file}", ("x", "--status-file", "~/s/k.json")),
        ("x {status_file} {workdir}", ("x", "~/s/k.json", "/w d")),
        ("x --f={status_file} 'a b' \"{key} c\"", ("x", "--f=~/s/k.json", "a b", "k c")),
        ("x {status_file} {{key}} {{}} {{{key}}}", ("x", "~/s/k.json", "{key}", "{}", "{k}")),
        ("x {status_file} $HOME `id` ; rm", ("x", "~/s/k.json", "$HOME", "`id`", ";", "rm")),
    ],
)
def test_words_are_split_before_they_are_filled(command, argv):
    assert command_fault(command, timeout=False) is None
    assert expand(command, VALUES) == argv


@pytest.mark.parametrize(
    "command",
    [
        "x --status-file {__import__('os').system('id')}",
        "x {status_file.__class__}",
        "x {status_file!r}",
        "x {status_file:>10}",
        "x {status_file[0]}",
        "x { status_file }",
        "x {unknown} {status_file}",
        "x {status_file",
        "x status_file}",
        "x {} {status_file}",
        "x",
        "",
        "   ",
        "{key} {status_file}",
        "-x {status_file}",
        "x 'unclosed {status_file}",
        "x {status_file}\ny",
        "x {status_file}\x1b[0m",
        "x {status_file} " + "a" * 10_000,
    ],
    ids=lambda command: repr(command[:40]),
)
def test_what_is_no_command(command):
    assert command_fault(command, timeout=False)


def test_an_idle_timeout_must_be_passed_on():
    assert "idle_timeout" in (command_fault("x {status_file}", timeout=True) or "")
    assert command_fault("x {status_file} --timeout {timeout}", timeout=True) is None
