"""The rules of a host, each on the smallest sight that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rhl_helpers.credentials import AgentState, KeyState
from rhl_helpers.examining import CondaCache, HelpText
from rhl_helpers.reachability import Route
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow
from rhl_helpers.transport.known_hosts import KeyVerdict
from seamless_reconcile.doctor import CHECKS, Status
from seamless_reconcile.doctor.seen import ClockSight, Login, ServerFolder, Trouble
from unit.doctor.sights import (
    NO_GUARD,
    ROUTE,
    SETTINGS,
    TEXTS,
    WELL,
    judged,
    key,
    offer,
    out,
    patient,
    refused,
)

OK, WARNING, FIX, UNKNOWN, SKIPPED = (
    Status.OK, Status.WARNING, Status.FIX, Status.UNKNOWN, Status.SKIPPED,
)  # fmt: skip


def by(login="paramiko", problem=None, other=None):
    ways = {"paramiko": "openssh", "openssh": "paramiko"}
    return {"login": Login(login, problem), "other": Login(ways[login], other)}


def route(**settings):
    return Route(replace(SETTINGS, **settings))


def auth(detail):
    return Trouble("authentication failed", detail)


GONE = Trouble("unreachable", "login.example.org port 22: connection refused")
NOT_INSTALLED = Trouble("not installed", "bash: rhl-ps: command not found")
MARKER = refused("path does not contain required marker file (seamless.db): /x", wants_marker=True)
ROOTS = refused("path is outside configured --data-roots: /x")
DOT = refused("path must not contain dot-prefixed segments: /x/.y")
NONE = refused("configure rhl-guard with one path-policy flag: …", has_no_policy=True)
ABSENT = PersistentRow(path="/x", state="absent")


def helps(**said):
    return {"help": {**WELL.help, **{f"rhl-{name}": value for name, value in said.items()}}}


def row(**more):
    return ServerRow(key="k", status="running", **more)


def tunnelled_only(sight, problem):
    return replace(sight, **by(other=problem))


CASES = {
    # --- the way to it
    "a configuration that ssh refuses": (
        out(route=Trouble("unreachable", "Bad configuration option: x")),
        "C201", FIX, "ssh -G frontend", "here",
    ),
    "paramiko asked for where only ssh does it": (
        replace(WELL, asked="paramiko", route=Route(SETTINGS, "GSSAPIAuthentication")),
        "C201", WARNING, "--ssh", "here",
    ),
    "a name nobody knows": (
        out(addresses=Trouble("unreachable", "cannot resolve x"), greeting=None), "C202", FIX, "VPN", "here",
    ),
    "a port that refuses": (out(greeting=GONE), "C203", FIX, "start sshd", "frontend"),
    "a port that drops": (
        out(greeting=Trouble("unreachable", "it takes connections and closes them", "MaxStartups")),
        "C203", FIX, "MaxStartups", "frontend",
    ),
    "no common algorithm": (
        out(greeting=Trouble("protocol", "ssh negotiation failed: Incompatible")),
        "C203", FIX, "ssh -vv", "here",
    ),
    "an address that swallows everything": (
        out(greeting=Trouble("unreachable", "port 22: no answer within 10 s")),
        "C203", FIX, "firewall", "here",
    ),
    "a proxy that fails": (
        out(route=route(proxy_command="nc %h %p"), greeting=Trouble("unreachable", "ProxyCommand: nope")),
        "C203", FIX, "ProxyCommand by hand", "here",
    ),
    "an unknown key": (
        out(greeting=key(KeyVerdict.UNKNOWN)),
        "C204", FIX, "ssh-keyscan login.example.org", "here",
    ),
    "a changed key": (
        out(greeting=key(KeyVerdict.CHANGED)), "C204", FIX,
        "ssh-keygen -f /home/me/.ssh/known_hosts -R login.example.org", "here",
    ),
    "a revoked key": (out(greeting=key(KeyVerdict.REVOKED)), "C204", FIX, "do not connect", "here"),
    "a certified key": (
        out(greeting=key(KeyVerdict.UNKNOWN, authority=True)), "C204", FIX, "--ssh openssh", "here",
    ),
    "an unknown key behind a jump host": (
        out(route=route(proxy_jump="gate"), greeting=key(KeyVerdict.UNKNOWN)),
        "C204", FIX, "ssh frontend", "here",
    ),
    # --- login
    "a key that others may read": (
        replace(WELL, offer=offer(KeyState.EXPOSED)),
        "C205", WARNING, "chmod 600 /home/me/.ssh/id_ed25519", "here",
    ),
    "an agent that is gone": (
        replace(WELL, offer=offer(agent=AgentState.SILENT)),
        "C205", WARNING, "ssh-agent", "here",
    ),
    "a locked key": (
        out(offer=offer(KeyState.LOCKED), **by(problem=auth("no usable key"), other=auth("denied"))),
        "C205", FIX, "ssh-add /home/me/.ssh/id_ed25519", "here",
    ),
    "no key at all": (
        out(offer=offer(None), **by(problem=auth("no usable key"), other=auth("denied"))),
        "C205", FIX, "ssh-keygen", "here",
    ),
    "a login refused": (
        out(**by(problem=auth("user me: 1 key(s) refused"), other=auth("denied"))),
        "C206", FIX, "~me/.ssh/authorized_keys", "frontend",
    ),
    "a passphrase asked for": (
        out(offer=offer(KeyState.LOCKED), **by(problem=auth("needs a passphrase"), other=auth("denied"))),
        "C206", FIX, "ssh-add", "here",
    ),
    "a one-time password": (
        out(**by(problem=auth("user me: a key is not enough"), other=auth("denied"))),
        "C206", FIX, "ControlMaster", "here",
    ),
    "a login that takes too long": (
        out(**by(problem=Trouble("timeout", "nothing was run"), other=GONE)),
        "C206", FIX, "--timeout", "frontend",
    ),
    "the other transport works": (
        out(**by("openssh", problem=auth("denied"))), "C206", FIX, "use --ssh paramiko", "here",
    ),
    "ssh does not work, and tunnels are wanted": (
        tunnelled_only(WELL, auth("denied")), "C207", FIX, "BatchMode=yes frontend", "here",
    ),
    "ssh does not work, and nobody needs it": (
        tunnelled_only(patient(tunnelled=False), auth("denied")), "C207", WARNING, "--ssh paramiko", "here",
    ),
    "paramiko cannot, as expected": (
        replace(WELL, route=Route(SETTINGS, "GSSAPIAuthentication"), **by("openssh", other=auth("denied"))),
        "C207", SKIPPED, "", "",
    ),
    "no forwarding": (replace(WELL, forwarding=False), "C208", FIX, "AllowTcpForwarding yes", "frontend"),
    "forwarding nobody could ask for": (replace(WELL, forwarding=None), "C208", UNKNOWN, "", ""),
    "an address for clients": (
        replace(patient(tunnelled=False), client_address=("192.0.2.7",)), "C209", OK, "", "",
    ),
    "an address for clients that is none": (
        replace(patient(tunnelled=False), client_address=Trouble("unreachable", "cannot resolve")),
        "C209", FIX, "tunnel: true", "here",
    ),
    "another name works": (
        out(greeting=GONE, better=("hpc-login",)),
        "C210", FIX, "ssh_hostname: hpc-login in the definition of hpc", "here",
    ),
    "another name works for --host": (
        out(patient(clusters=()), greeting=GONE, better=("hpc-login",)),
        "C210", FIX, "--host hpc-login", "here",
    ),
    # --- helpers
    "not installed": (
        replace(WELL, help={"rhl-ps": NOT_INSTALLED}, bare=NOT_INSTALLED), "C301", FIX,
        "pip install 'remote-http-launcher~=0.4.5' there", "frontend",
    ),
    "a forced command that is not there": (
        replace(WELL, help={"rhl-ps": Trouble("not installed", "sh: rhl-guard: not found")}, bare=None),
        "C301", FIX, "full path", "frontend",
    ),
    "a broken install before a good one": (
        replace(WELL, help={"rhl-ps": Trouble("failed", "ImportError")}),
        "C301", FIX, "conda base", "frontend",
    ),
    "a broken install": (
        replace(WELL, help={"rhl-ps": Trouble("failed", "ImportError")}, bare=None),
        "C301", FIX, "reinstall", "frontend",
    ),
    "an answer that is none": (
        replace(WELL, help={"rhl-ps": Trouble("protocol", "garbled")}, bare=None),
        "C301", UNKNOWN, "rhl-ps --json", "here",
    ),
    "an older install": (
        replace(WELL, **helps(inspect=NOT_INSTALLED)),
        "C301", FIX, "pip install -U", "frontend",
    ),
    "in the conda base only": (
        replace(WELL, bare=NOT_INSTALLED),
        "C302", WARNING, "PATH=$HOME/miniforge3/bin", "here",
    ),
    "another help text": (
        replace(WELL, **helps(logs=HelpText("usage: rhl-logs --new\n"))),
        "C303", WARNING, "~=0.4.5", "frontend",
    ),
    "nothing to compare with": (replace(WELL, local_help={}), "C303", UNKNOWN, "", ""),
    "a login message": (
        replace(WELL, **helps(ps=HelpText(TEXTS["rhl-ps"], "Welcome"))),
        "C304", WARNING, "~/.bashrc", "frontend",
    ),
    # --- guard
    "no guard": (WELL, "C401", OK, "", ""),
    "data roots": (replace(WELL, hidden=DOT, outside=ROOTS, home=ROOTS), "C401", OK, "", ""),
    "a marker": (replace(WELL, hidden=DOT, outside=MARKER, home=DOT), "C401", OK, "", ""),
    "no policy": (replace(WELL, hidden=NONE, outside=NONE), "C401", FIX, "--data-roots FILE", "frontend"),
    "a policy nobody knows": (replace(WELL, hidden=DOT, outside=DOT), "C401", UNKNOWN, "", ""),
    "a guard that was not reached": (replace(WELL, hidden=GONE), "C401", UNKNOWN, "", ""),
    "a guard that is misconfigured": (
        replace(WELL, help={"rhl-ps": Trouble("guard refused", "configuration error: x")}),
        "C401", FIX, "options", "frontend",
    ),
    "an old guard that knows no helper": (
        replace(WELL, help={"rhl-ps": refused("command not in whitelist")}),
        "C401", FIX, "up to date", "frontend",
    ),
    "any folder": (
        replace(WELL, hidden=DOT, outside=ABSENT, home=DOT),
        "C403", WARNING, "--data-roots", "frontend",
    ),
    "the home too": (
        replace(WELL, hidden=DOT, outside=ROOTS, home=PersistentRow(path="/home/me", state="populated")),
        "C403", FIX, "up to date", "frontend",
    ),
    "a folder outside": (
        replace(patient(folders=("/x",)), hidden=DOT, outside=ROOTS, folders={"/x": ROOTS}),
        "C402", FIX, "add /x to the file", "frontend",
    ),
    "a root outside": (
        replace(patient(roots=("/x",)), hidden=DOT, outside=ROOTS, folders={"/x": ROOTS}),
        "C402", WARNING, "add /x", "frontend",
    ),
    "a hidden folder": (
        replace(patient(folders=("/x/.y",)), hidden=DOT, outside=ROOTS, folders={"/x/.y": DOT}),
        "C402", FIX, "choose other folders than /x/.y", "here",
    ),
    "an unmarked folder": (
        replace(patient(folders=("/x",)), hidden=DOT, outside=MARKER, folders={"/x": MARKER}),
        "C402", OK, "", "",
    ),
    "a folder that cannot be read": (
        replace(patient(folders=("/x",)), folders={"/x": Trouble("failed", "could not read")}),
        "C402", UNKNOWN, "", "frontend",
    ),
    # --- conda, programs
    "never primed": (
        replace(patient(environments=("seamless",)), conda=CondaCache(None)), "C501", FIX,
        "ssh frontend rhl-cache-conda", "frontend",
    ),
    "never primed, and nobody minds": (replace(WELL, conda=CondaCache(None)), "C501", SKIPPED, "", ""),
    "a cache that is broken": (
        replace(WELL, conda=Trouble("failed", "malformed JSON")), "C501", FIX, "rhl-cache-conda", "frontend",
    ),
    "an environment that is there": (patient(environments=("seamless", "base")), "C502", OK, "", ""),
    "an environment by its folder": (
        patient(environments=("/opt/conda/envs/seamless/",)),
        "C502", OK, "", "",
    ),
    "an environment that is not": (patient(environments=("opt",)), "C502", FIX, "make opt there", "frontend"),
    "the base is none by its folder's name": (
        patient(environments=("conda",)),
        "C502", FIX, "conda", "frontend",
    ),
    "a program nobody can tell of": (patient(programs=("hashserver",)), "C503", SKIPPED, "", ""),
    "a program that runs": (
        replace(patient(programs=("hashserver",)), listed=(row(live=True, command="/o/hashserver /x"),)),
        "C503", OK, "", "",
    ),
    # --- state, disk, clock
    "files that cannot be listed": (
        replace(WELL, listed=Trouble("failed", "malformed JSON in /x/k.json: …")),
        "C601", FIX, "ssh frontend rhl-ps", "frontend",
    ),
    "a malformed file": (
        replace(WELL, listed=(MalformedRow("k", "no pid"),)),
        "C601", FIX, "audit --host frontend", "frontend",
    ),
    "a listing that was not to be had": (replace(WELL, listed=GONE), "C601", UNKNOWN, "", ""),
    "a folder of its own": (
        replace(WELL, conda=CondaCache(None, "/scratch/rhl/conda-setup.json")),
        "C602", WARNING, "unset", "frontend",
    ),
    "a full disk": (
        replace(WELL, listed=Trouble("failed", "[Errno 28] No space left on device")),
        "C603", FIX, "df -h", "frontend",
    ),
    "a sign of a full disk": (
        replace(WELL, listed=Trouble("failed", "malformed JSON: Expecting value: line 1 column 1 (char 0)")),
        "C603", WARNING, "df -h", "frontend",
    ),
    "a clock that agrees": (replace(WELL, clock=(ClockSight(1.0, 1.0),)), "C604", OK, "", ""),
    "a clock that is late": (
        replace(WELL, clock=(ClockSight(-40.0, 1.0),)),
        "C604", WARNING, "timedatectl", "frontend",
    ),
    "a clock that may be late": (replace(WELL, clock=(ClockSight(-12.0, 4.0),)), "C604", OK, "", ""),
    "a clock that is hours ahead": (
        replace(WELL, clock=(ClockSight(0.2, 0.5), ClockSight(7200.0, 0.0, zoned=False))),
        "C604", WARNING, "", "frontend",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sight", "id_", "status", "remedy", "where"), CASES.values(), ids=CASES)
def test_each_rule(sight, id_, status, remedy, where):
    one = judged(sight)[id_]
    assert (one.status, one.where) == (status, where), one
    assert remedy in one.remedy


@pytest.mark.parametrize("sight", [case[0] for case in CASES.values()], ids=CASES)
def test_every_host_gets_every_check_and_every_cross_says_what_to_do_and_where(sight):
    checks = judged(sight)
    assert list(checks) == [id_ for id_ in CHECKS if not id_.startswith("C1")]
    for one in checks.values():
        assert one.seen
        assert one.status is not Status.FIX or (one.remedy and one.where), one
        assert one.status is not Status.WARNING or (one.remedy and one.where), one


def test_a_good_host_has_nothing_but_ticks_and_dashes():
    assert {one.status for one in judged(WELL).values()} == {OK, SKIPPED}


@pytest.mark.parametrize(
    "sight",
    [
        out(addresses=GONE, greeting=None),
        out(greeting=GONE),
        out(greeting=key(KeyVerdict.CHANGED)),
        out(**by(problem=auth("1 key(s) refused"), other=auth("denied"))),
        replace(WELL, help={"rhl-ps": NOT_INSTALLED}, bare=NOT_INSTALLED),
        replace(WELL, hidden=NONE, outside=NONE, folders={"/x": NONE}),
    ],
)
def test_what_only_follows_is_not_told_again(sight):
    found = [one for one in judged(sight).values() if one.status in (FIX, WARNING, UNKNOWN)]
    assert len(found) == 1


class TestThisMachineAsAHost:
    LOCAL = replace(
        patient(name="local", hostname=None, tunnelled=False), login=None, route=None, hidden=None
    )

    def test_there_is_no_way_to_go(self):
        checks = judged(self.LOCAL)
        assert {one.status for id_, one in checks.items() if id_[:2] in ("C2", "C4")} == {SKIPPED}
        assert checks["C301"].status is OK

    def test_helpers_that_are_not_here(self):
        one = judged(replace(self.LOCAL, help={"rhl-ps": NOT_INSTALLED}))["C301"]
        assert (one.status, one.where) == (FIX, "here")

    @pytest.mark.parametrize(
        ("folder", "status", "remedy"),
        [
            (ServerFolder("/s"), OK, ""),
            (ServerFolder("/s", writable=False), FIX, "chmod u+rwx"),
            (ServerFolder("/s", 0o755), OK, ""),
            (ServerFolder("/s", 0o775), FIX, "chmod go-w /s"),
            (ServerFolder("/s", 0o555, writable=False), FIX, "chown -R $USER /s"),
        ],
    )
    def test_its_state_folder(self, folder, status, remedy):
        one = judged(replace(self.LOCAL, state=folder))["C602"]
        assert one.status is status
        assert remedy in one.remedy

    @pytest.mark.parametrize(("free", "status"), [(10**6, FIX), (10**11, OK)])
    def test_its_disk(self, free, status):
        assert (
            judged(replace(self.LOCAL, state=ServerFolder("/s", 0o755, free=free)))["C603"].status is status
        )

    @pytest.mark.parametrize(("found", "status"), [("/bin/hashserver", OK), (None, FIX)])
    def test_its_programs(self, found, status):
        sight = replace(patient(self.LOCAL, programs=("hashserver",)), programs={"hashserver": found})
        assert judged(sight)["C503"].status is status

    def test_remedies_are_typed_without_ssh(self):
        sight = replace(patient(self.LOCAL, environments=("x",)), conda=CondaCache(None))
        assert judged(sight)["C501"].remedy == "rhl-cache-conda"


def test_what_a_host_says_never_becomes_a_word_of_a_command():
    evil = "x; rm -rf ~"
    sight = replace(patient(folders=(evil,)), hidden=DOT, outside=ROOTS, folders={evil: ROOTS})
    assert "rm -rf" not in judged(sight)["C402"].remedy
    named = route(hostname="a$(reboot)", proxy_jump=None)
    assert "reboot" not in judged(out(route=named, greeting=key(KeyVerdict.UNKNOWN)))["C204"].remedy


def test_a_key_with_another_name_or_port_is_recorded_under_it():
    named = Route(replace(SETTINGS, port=2222))
    greeting = replace(key(KeyVerdict.CHANGED), names=("[login.example.org]:2222", "login.example.org"))
    remedy = judged(out(route=named, greeting=greeting))["C204"].remedy
    assert "-R '[login.example.org]:2222'" in remedy
    assert "ssh-keyscan -p 2222 -t ed25519 login.example.org >> /home/me/.ssh/known_hosts" in remedy
    assert judged(replace(WELL, route=ROUTE, hidden=NO_GUARD))["C204"].status is OK
