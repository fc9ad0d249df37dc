"""What forbids a clear: S1 live processes, S2 what is not named, S3 what is not ours to clear."""

from __future__ import annotations

from typing import Any

import pytest

from rhl_helpers.rows import MalformedRow
from seamless_reconcile.kinds.cache import Nested, State
from seamless_reconcile.observed import Unknown
from seamless_reconcile.safety import clear_refusal, works_in
from unit.core.values import HOME, host, node, row, stored

PATH = "~/buffers/p"
REAL = f"{HOME}/buffers/p"
JOBS = {"workdir": "/tmp", "command": "seamless-jobserver --workers 1"}


def refused(listing: Any = None, *, path: str = PATH, observed: Any = None, **more: Any) -> str:
    """Give why a clear is refused; empty if it is not."""
    options = {"going_down": frozenset(), "cold_paths": (), **more}
    root = options.pop("root", None)
    found = clear_refusal(node(path, root=root), observed or stored(path=REAL), listing or host(), **options)
    return found.reason if found else ""


def test_nothing_forbids_it() -> None:
    assert refused() == ""


# --- S1 --------------------------------------------------------------------------------------

WORKS: dict[str, tuple[dict[str, Any], bool]] = {
    "in it": ({"workdir": PATH}, True),
    "in it, absolute": ({"workdir": REAL}, True),
    "above": ({"workdir": "~/buffers"}, True),
    "far above": ({"workdir": "/home"}, True),
    "below": ({"workdir": f"{REAL}/STAGE-a"}, True),
    "beside": ({"workdir": "~/buffers/q"}, False),
    "a name that begins alike": ({"workdir": "~/buffers/pp"}, False),
    "elsewhere, but its command names it": ({"workdir": "/x/y", "command": f"tool --data {REAL}/z"}, True),
    "elsewhere, and its command too": ({"workdir": "/x/y", "command": "tool /x/z"}, False),
    "its status file only": ({"workdir": "/x/y"}, False),
    "a command that cannot be read": ({"workdir": "/x/y", "command": "tool 'x"}, False),
    "no workdir": ({"workdir": None, "command": None}, False),
    "dead": ({"live": False}, False),
    "nobody knows whether it lives": ({"live": None}, True),
    "failed, but alive": ({"status": "failed"}, True),
    "a dry run": ({"dry_run": True}, False),
}


@pytest.mark.parametrize("case", WORKS)
def test_a_live_process_in_above_or_below(case: str) -> None:
    fields, expected = WORKS[case]
    plain = {"command": "tool", **fields}
    one = row("other", **plain)
    assert bool(works_in(PATH, host(one))) is expected
    assert bool(refused(host(one))) is expected
    assert refused(host(one), going_down=frozenset({"other"})) == ""
    if expected:
        assert refused(host(one)).startswith("other (pid 4000) works in ")


SCRATCH: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a job server in /tmp, a cache below": (JOBS, "/tmp/x/y", False),
    "a dask server in /tmp": ({**JOBS, "command": "seamless-dask-wrapper a.b"}, "/tmp/x/y", False),
    "/tmp itself": (JOBS, "/tmp", True),
    "something else in /tmp": ({**JOBS, "command": "tool"}, "/tmp/x/y", True),
    "a job server elsewhere": ({**JOBS, "workdir": "/tmp/x"}, "/tmp/x/y", True),
    "a job server whose command names it": (
        {**JOBS, "command": "seamless-jobserver /tmp/x/y"}, "/tmp/x/y", True,
    ),
    "a tool that only sounds like one": ({**JOBS, "command": "seamless-jobserverx"}, "/tmp/x/y", True),
}  # fmt: skip


@pytest.mark.parametrize("case", SCRATCH)
def test_job_services_in_scratch_keep_no_data_there(case: str) -> None:
    fields, path, expected = SCRATCH[case]
    assert bool(works_in(path, host(row("jobs", **fields)))) is expected


def test_where_the_home_is_unknown_in_doubt_it_works_there() -> None:
    assert works_in("/data/svc/buffers/p", host(row("other", workdir="~/buffers/p"), home=None))


BAD = MalformedRow("bad", "not JSON")
PROBLEM = Unknown("failed: rhl-ps: malformed JSON in x.json", "failed")
LISTINGS: dict[str, tuple[Any, frozenset[str], bool]] = {
    "malformed neighbour": (host(malformed={"bad": BAD}), frozenset(), True),
    "malformed, its process is dead": (
        host(malformed={"bad": MalformedRow("bad", "x", live=False)}), frozenset(), False,
    ),
    "malformed, it goes first": (host(malformed={"bad": BAD}), frozenset({"bad"}), False),
    "not listed in full": (host(problem=PROBLEM), frozenset(), True),
    "hidden by what goes first": (
        host(problem=PROBLEM, hidden_by=frozenset({"bad"}), malformed={"bad": BAD}), frozenset({"bad"}),
        False,
    ),
    "hidden by that and another": (
        host(problem=PROBLEM, hidden_by=frozenset({"bad", "worse"})), frozenset({"bad"}), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTINGS)
def test_what_could_not_be_listed(case: str) -> None:
    listing, down, expected = LISTINGS[case]
    assert bool(refused(listing, going_down=down)) is expected


# --- S2 --------------------------------------------------------------------------------------

INSIDE = (Nested(f"{REAL}/STAGE-a", 98_304, "2023-11-14T22:13:20"), Nested(f"{REAL}/STAGE-b"))


def test_other_caches_inside_are_named() -> None:
    reason = refused(observed=stored(nested=INSIDE))
    assert reason == (
        f"{PATH} holds other caches that are not to be cold: "
        f"{REAL}/STAGE-a (98,304 bytes, last modified 2023-11-14T22:13:20), {REAL}/STAGE-b"
    )


def test_only_some_of_many_are_named() -> None:
    many = tuple(Nested(f"{REAL}/STAGE-{index}") for index in range(9))
    assert refused(observed=stored(nested=many)).endswith("STAGE-2 and 6 more")


@pytest.mark.parametrize("home", [HOME, None])
@pytest.mark.parametrize("written", [f"{PATH}/STAGE-a", f"{REAL}/STAGE-a"])
def test_those_that_are_to_be_cold_may_go_along(written: str, home: str | None) -> None:
    listing = host(home=home)
    only = stored(nested=INSIDE[:1])
    assert refused(listing, observed=only, cold_paths=(written,)) == ""
    assert f"{REAL}/STAGE-b" in refused(listing, observed=stored(nested=INSIDE), cold_paths=(written,))


def test_what_lies_inside_could_not_be_told() -> None:
    reason = refused(observed=stored(nested_unknown="timeout"))
    assert reason == f"what lies inside {PATH} could not be told: timeout"


# --- S3 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_only_what_is_known_to_be_ours(state: State) -> None:
    forbidden = {State.FOREIGN, State.UNKNOWN, State.UNVERIFIABLE}
    assert bool(refused(observed=stored(state, reason="why"))) is (state in forbidden)


@pytest.mark.parametrize(
    "path", ["/", "~", "~/", HOME, "/home", "/usr/lib/x", "~/.ssh/x", "/data", "relative", f"{HOME}/../x"]
)
def test_no_home_no_system_directory_nothing_hidden(path: str) -> None:
    assert refused(path=path).startswith(f"{path} is never cleared: ")


@pytest.mark.parametrize(("path", "fine"), [("~/buffers/p", True), ("~/buffers", False), ("~/else/p", False)])
def test_only_below_the_configured_root(path: str, fine: bool) -> None:
    assert (refused(path=path, root="~/buffers") == "") is fine


def test_a_link_that_leads_elsewhere() -> None:
    reason = refused(observed=stored(real_path="/data/other", displaced=True))
    assert reason == f"{PATH} is a link: it really is /data/other"


def test_a_live_process_where_it_really_is() -> None:
    one = row("other", workdir="/data/real/p", command="tool")
    assert refused(host(one)) == ""
    assert refused(host(one), observed=stored(real_path="/data/real/p")).startswith("other (pid 4000)")


# --- what a person is told --------------------------------------------------------------------

OTHERS = tuple(Nested(f"{REAL}/STAGE-{n}") for n in range(5))
TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "a live process": ({"listing": host(row("other"))}, "stop it first, or declare it in the manifest"),
    "others inside": (
        {"observed": stored(path=REAL, nested=OTHERS[:1])},
        "declare them cold too, or make only the inner one cold",
    ),
    "foreign data": ({"observed": stored(State.FOREIGN, REAL, hint="use another")}, "use another"),
    "no look": ({"observed": stored(State.UNKNOWN, REAL, hint="ask again")}, "ask again"),
    "a link": (
        {"observed": stored(path=REAL, displaced=True, real_path="/x")},
        "its data may be somebody else's; name the directory itself",
    ),
    "a listing cut short": ({"listing": host(problem=Unknown("no", hint="ask"))}, "ask"),
    "a listing cut short, without a hint": (
        {"listing": host(problem=Unknown("no"))},
        "`seamless-reconcile audit` names the state file that is in the way",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_can_be_done_about_it(case: str) -> None:
    given, hint = TOLD[case]
    found = clear_refusal(
        node(PATH), given.get("observed", stored(path=REAL)), given.get("listing", host()),
        going_down=frozenset(), cold_paths=(),
    )  # fmt: skip
    assert found is not None
    assert found.hint == hint


def test_what_could_not_be_listed_is_told_with_its_reason() -> None:
    assert refused(host(problem=Unknown("it is broken"))).endswith(
        "could not be listed in full: it is broken"
    )


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more"), (5, " and 2 more")])
def test_of_many_others_inside_three_are_named(count: int, more: str) -> None:
    reason = refused(observed=stored(path=REAL, nested=OTHERS[:count]))
    assert reason.endswith(f"STAGE-0, {REAL}/STAGE-1, {REAL}/STAGE-2{more}")


def test_a_home_in_an_unusual_place_is_known_by_the_listing_or_by_what_the_host_printed() -> None:
    assert "home directory" in refused(host(home="/srv/accounts/x"), path="/srv/accounts/x")
    system = stored(path="/usr/local/acct/buffers/p")
    assert "a system directory" in refused(host(home=None), observed=system)
    assert "a system directory" in refused(host(home="/usr/local/acct"), observed=system)


def test_the_launchers_own_folder_is_nobodys_place_of_work() -> None:
    server = f"{HOME}/.remote-http-launcher/server"
    command = f"tool --status-file {server}/other.json"
    assert works_in(server, host(row("other", workdir="/x/y", command=command))) == []
