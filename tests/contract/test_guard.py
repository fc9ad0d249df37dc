"""rhl-guard, under each of its policies."""

from __future__ import annotations

from typing import Any

import pytest

from contract.lab import KEY, Guarded, Lab
from rhl_helpers import calls
from rhl_helpers.calls import Call
from rhl_helpers.errors import GuardRefused, HelperFailed

PREFIX = ".HASHSERVER_PREFIX"
SEAMLESS = ("--clear-policy", "seamless")


def refused(guarded: Guarded, call: Call[Any]) -> GuardRefused:
    with pytest.raises(GuardRefused) as caught:
        guarded.host.call(call)
    return caught.value


def launching(workdir: str) -> Call[None]:
    status = f"~/.remote-http-launcher/server/{KEY}.json"
    return calls.launch_service(KEY, workdir, ("obedient", "--status-file", status))


@pytest.mark.fact("guard marker")
@pytest.mark.parametrize("marker", [PREFIX, "seamless.db"])
def test_a_marked_directory_may_be_seen_and_cleared(lab: Lab, marker: str) -> None:
    lab.make(f"c/{marker}", "c/ab/x")
    guarded = lab.guarded(*SEAMLESS)
    (row,) = guarded.host.call(
        calls.ps_persistent(lab.path("c"), marker=PREFIX if marker == PREFIX else None)
    )
    assert row.state == "populated"
    assert guarded.host.call(calls.clear("~/c")) is True
    assert lab.listing("c") == []


@pytest.mark.fact("guard marker")
@pytest.mark.parametrize("path", ["absent", "empty", "unmarked", "marked-by-a-directory"])
def test_unmarked_directories_are_refused(lab: Lab, path: str) -> None:
    lab.make("empty/", "unmarked/x", f"marked-by-a-directory/{PREFIX}/x")
    guarded = lab.guarded(*SEAMLESS)
    for call in (calls.clear(lab.path(path)), calls.ps_persistent(lab.path(path))):
        error = refused(guarded, call)
        assert error.wants_marker
        assert not error.has_no_policy
        names = f"seamless.db, {PREFIX}"
        assert f"path does not contain required marker file ({names}): {lab.path(path)}" in error.detail
    assert lab.listing("unmarked") == ["x"]


@pytest.mark.fact("guard marker")
def test_a_marker_of_one_s_own(lab: Lab) -> None:
    lab.make("c/.rhl-clearable", "c/x", f"d/{PREFIX}")
    guarded = lab.guarded("--clear-policy", "marker:.rhl-clearable")
    assert refused(guarded, calls.clear(lab.path("d"))).wants_marker
    assert guarded.host.call(calls.clear(lab.path("c"))) is True


@pytest.mark.fact("guard marker")
def test_launching_needs_no_marker(lab: Lab) -> None:
    lab.guarded(*SEAMLESS).host.call(launching("~/new"))
    lab.running()


@pytest.mark.fact("guard second pass")
def test_the_second_pass_over_a_deep_tree_is_refused(lab: Lab) -> None:
    lab.make(f"c/{PREFIX}", f"c/STAGE-s/{PREFIX}", "c/STAGE-s/ab/x", "c/ab/y")
    guarded = lab.guarded(*SEAMLESS)
    assert guarded.host.call(calls.clear(lab.path("c"))) is False
    assert refused(guarded, calls.clear(lab.path("c"))).wants_marker


@pytest.mark.fact("guard second pass")
def test_deepest_first_works_under_the_marker_policy(lab: Lab) -> None:
    lab.make(f"c/{PREFIX}", f"c/STAGE-s/{PREFIX}", "c/STAGE-s/ab/x", "c/STAGE-s/cd/x", "c/ab/y")
    guarded = lab.guarded(*SEAMLESS)
    assert guarded.host.call(calls.clear(lab.path("c/STAGE-s"))) is True
    assert guarded.host.call(calls.clear(lab.path("c"))) is True
    assert lab.listing("c") == []


@pytest.mark.fact("guard roots")
def test_data_roots(lab: Lab) -> None:
    lab.make("data/c/x", "elsewhere/y")
    lab.link("data/out", "elsewhere")
    guarded = lab.guarded(roots=["~/data"])
    (row,) = guarded.host.call(calls.ps_persistent(lab.path("data/none")))
    assert row.state == "absent"
    assert guarded.host.call(calls.clear(lab.path("data/c"))) is True
    assert guarded.host.call(calls.clear(lab.path("data"))) is True
    lab.link("data/out", "elsewhere")
    for path in ("elsewhere", "data/out"):
        error = refused(guarded, calls.clear(lab.path(path)))
        assert f"path is outside configured --data-roots: {lab.path(path)}" in error.detail
        assert not error.wants_marker
    assert "outside" in refused(guarded, launching("~/elsewhere/w")).detail
    guarded.host.call(launching("~/data/w"))
    lab.running()


@pytest.mark.fact("guard no policy")
def test_without_a_policy_three_helpers_are_refused_and_the_rest_work(lab: Lab) -> None:
    lab.make(f"c/{PREFIX}")
    guarded = lab.guarded()
    for call in (calls.clear(lab.path("c")), calls.ps_persistent(lab.path("c")), launching("~/w")):
        assert refused(guarded, call).has_no_policy
    assert guarded.host.call(calls.ps()) == []
    assert guarded.host.call(calls.stop(KEY)) == "missing state"
    assert guarded.host.call(calls.logs(KEY)) is None
    guarded.host.call(calls.remove_server_state(KEY))
    assert guarded.host.call(calls.conda_info()) is None
    assert guarded.host.reachable() is None


def test_permissive_lets_through_what_the_helpers_accept(lab: Lab) -> None:
    lab.make("c/x")
    guarded = lab.guarded("--permissive-paths")
    assert guarded.host.call(calls.clear(lab.path("c"))) is True
    with pytest.raises(HelperFailed, match="path does not exist"):
        guarded.host.call(calls.clear(lab.path("none")))


@pytest.mark.fact("guard heuristics")
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("~", "path must not be $HOME or an ancestor of $HOME"),
        ("/", "path must not be $HOME or an ancestor of $HOME"),
        ("~/.ssh", "path must not contain dot-prefixed segments"),
        ("~/a/.b/c", "path must not contain dot-prefixed segments"),
        ("/usr", "refusing system-root directory"),
        ("here", "path must be absolute after ~ expansion"),
    ],
)
def test_what_is_refused_under_any_policy(lab: Lab, path: str, reason: str) -> None:
    guarded = lab.guarded("--permissive-paths")
    # Nothing here asks a real machine to clear a directory of the system, refused or not.
    for call in (calls.ps_persistent(path), launching(path)):
        assert reason in refused(guarded, call).detail


@pytest.mark.fact("guard heuristics")
def test_a_link_into_a_dot_directory_is_refused(lab: Lab) -> None:
    lab.make(".secret/x")
    lab.link("plain", ".secret")
    assert "dot-prefixed" in refused(lab.guarded("--permissive-paths"), calls.clear(lab.path("plain"))).detail


@pytest.mark.fact("guard commands")
@pytest.mark.parametrize(
    "line", ["PATH=$HOME/miniforge3/bin:$PATH rhl-ps --json", "A=1 B='x y' rhl-ps --json", "rhl-ps --json"]
)
def test_leading_assignments_are_dropped(lab: Lab, line: str) -> None:
    reply = lab.guarded(*SEAMLESS).command(line)
    assert (reply.exit_code, reply.stdout, reply.stderr) == (0, b"", b"")


@pytest.mark.fact("guard commands")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ls", "command not in whitelist: 'ls'"),
        ("true && rhl-ps", "command not in whitelist: 'true && rhl-ps'"),
        ("/usr/bin/rhl-ps", "command not in whitelist: '/usr/bin/rhl-ps'"),
        ("bash -lc rhl-ps", "command not in whitelist: 'bash -lc rhl-ps'"),
        ("rhl-PS", "command not in whitelist: 'rhl-PS'"),
        ("PATH=/x", "empty command after stripping variable assignments"),
        ("rhl-ps 'x", "command parse error: No closing quotation"),
        ("   ", "empty command (interactive session not allowed)"),
    ],
)
def test_anything_but_one_helper_is_refused(lab: Lab, line: str, reason: str) -> None:
    reply = lab.guarded("--permissive-paths").command(line)
    assert reply.exit_code == 1
    assert reply.stdout == b""
    assert reply.stderr.decode() == f"rhl-guard: rejected: {reason}\n"


@pytest.mark.fact("guard commands")
def test_a_second_command_is_only_an_argument(lab: Lab) -> None:
    reply = lab.guarded("--permissive-paths").command("rhl-ps --json; rhl-rm x")
    assert reply.exit_code == 1
    assert reply.stderr.startswith(b"rhl-ps: unknown argument")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (("--clear-policy", "other"), "--clear-policy must be 'seamless' or 'marker:NAME'"),
        (("--clear-policy", "marker:a/b"), "--clear-policy marker:NAME requires a simple marker filename"),
        (("--clear-policy",), "--clear-policy requires a value"),
        (("--permissive-paths", "--clear-policy", "seamless"),
         "--data-roots, --clear-policy, and --permissive-paths are mutually exclusive"),
        (("--wrong",), "unknown rhl-guard option: --wrong"),
    ],
)  # fmt: skip
def test_a_misconfigured_guard_refuses_everything(lab: Lab, policy: tuple[str, ...], reason: str) -> None:
    error = refused(lab.guarded(*policy), calls.ps())
    assert error.detail == f"configuration error: {reason}"
