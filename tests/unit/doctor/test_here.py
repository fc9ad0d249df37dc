"""The rules of this machine, and what is read for them."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from rhl_helpers.credentials import Agent, AgentState
from rhl_helpers.masters import Master, masters
from seamless_reconcile.doctor import CHECKS, Status
from seamless_reconcile.doctor.look_here import fits, free_at, help_texts, look, look_here, requirements
from seamless_reconcile.doctor.seen import FileSight, PathSight, Patient, Requirement
from unit.doctor.sights import HERE, judged

OK, WARNING, FIX, SKIPPED = Status.OK, Status.WARNING, Status.FIX, Status.SKIPPED
PROXY = {"http_proxy": "http://me:hunter2@proxy:3128"}

CASES = {
    "no file at all": (HERE, "C101", SKIPPED, ""),
    "project files": (replace(HERE, commands=(FileSight("/p/seamless.yaml"),)), "C101", OK, ""),
    "a project file that is none": (
        replace(HERE, commands=(FileSight("/p/seamless.yaml", fault="must be a list"),)),
        "C101", FIX, "validate",
    ),
    "cluster files": (replace(HERE, clusters=(FileSight("/h/clusters.yaml"),)), "C102", OK, ""),
    "a cluster file that is none": (
        replace(HERE, clusters=(FileSight("/h/clusters.yaml", fault="found a tab"),)),
        "C102", FIX, "correct it",
    ),
    "something stands in for them": (replace(HERE, stand_in="/cache"), "C102", OK, ""),
    "no ssh, and tunnels": (replace(HERE, ssh="", tunnels=True), "C103", FIX, "OpenSSH client"),
    "no ssh, and hosts": (replace(HERE, ssh=""), "C103", WARNING, "OpenSSH client"),
    "no ssh, and nobody cares": (replace(HERE, ssh="", remote=False), "C103", SKIPPED, ""),
    "no helpers": (
        replace(HERE, helpers={"rhl-ps": None}), "C104", FIX, "pip install remote-http-launcher",
    ),
    "helpers that others do not find": (
        replace(HERE, on_path=False, local=True),
        "C104", WARNING, "/opt/venv/bin",
    ),
    "helpers that others need not find": (replace(HERE, on_path=False), "C104", OK, ""),
    "a version nobody tested": (
        replace(HERE, packages=(Requirement("x", ">=1,<2", "2.0", fits=False),)),
        "C105", WARNING, "'x>=1,<2'",
    ),
    "a package that is not there": (
        replace(HERE, packages=(Requirement("x", ">=1", None),)), "C105", FIX, "pip install 'x>=1'",
    ),
    "a service that is not there": (
        replace(HERE, packages=(Requirement("x", ">=1", None, optional=True),)), "C105", OK, "",
    ),
    "a proxy": (replace(HERE, environ=PROXY), "C106", WARNING, 'no_proxy="localhost,127.0.0.1,$no_proxy"'),
    "a proxy with exemptions": (
        replace(HERE, environ={**PROXY, "no_proxy": "localhost, 127.0.0.1,.example.org"},
                hostnames=("login.example.org",)), "C106", OK, "",
    ),
    "a proxy before a host without tunnel": (
        replace(HERE, environ={**PROXY, "NO_PROXY": "localhost,127.0.0.1"}, hostnames=("login.example.org",)),
        "C106", WARNING, 'no_proxy="login.example.org,',
    ),
    "a proxy for nobody": (replace(HERE, environ={**PROXY, "no_proxy": "*"}), "C106", OK, ""),
    "the launcher's folder elsewhere": (
        replace(HERE, environ={"REMOTE_HTTP_LAUNCHER_DIR": "/x"}),
        "C107", WARNING, "unset REMOTE_HTTP_LAUNCHER_DIR",
    ),
    "a launcher's folder that others may write": (
        replace(HERE, launcher=(PathSight("/h/.rhl", 0o775),)), "C108", FIX, "chmod go-w /h/.rhl",
    ),
    "a launcher's folder of somebody else": (
        replace(HERE, launcher=(PathSight("/h/.rhl", 0o755, writable=False),)),
        "C108", FIX, "chown -R $USER /h/.rhl",
    ),
    "no launcher's folder": (replace(HERE, launcher=(PathSight("/h/.rhl"),)), "C108", SKIPPED, ""),
    "a state folder to be made": (replace(HERE, state=PathSight("/h/s")), "C109", OK, ""),
    "a state folder that cannot be made": (
        replace(HERE, state=PathSight("/h/s", writable=False)), "C109", FIX, "SEAMLESS_RECONCILE_STATE_DIR",
    ),
    "a state folder that is locked": (
        replace(HERE, state=PathSight("/h/s", 0o500, writable=False)), "C109", FIX, "chmod u+rwx /h/s",
    ),
    "a connection left behind": (
        replace(HERE, masters=(Master("/tmp/rhl-x", live=False),)), "C110", WARNING, "rm -r /tmp/rhl-x",
    ),
    "a connection in use": (replace(HERE, masters=(Master("/tmp/rhl-x", live=True),)), "C110", OK, ""),
    "no agent": (HERE, "C111", SKIPPED, ""),
    "an agent": (replace(HERE, agent=Agent(AgentState.READY, 2, "/run/a")), "C111", OK, ""),
    "an agent that is gone": (
        replace(HERE, agent=Agent(AgentState.SILENT, 0, "/run/a", "No such file")),
        "C111", WARNING, "ssh-add",
    ),
    "ssh files that others may write": (
        replace(HERE, ssh_files=(PathSight("/h/.ssh/config", 0o664),)),
        "C112", FIX, "chmod go-w /h/.ssh/config",
    ),
    "ssh files that cannot be read": (
        replace(HERE, ssh_files=(PathSight("/h/.ssh/known_hosts", 0o0, readable=False),)),
        "C112", FIX, "chmod u+rw",
    ),
    "ssh files of somebody else": (
        replace(HERE, ssh_files=(PathSight("/h/.ssh/config", 0o600, mine=False),)),
        "C112", FIX, "chown $USER",
    ),
    "a timeout that is no number": (
        replace(HERE, environ={"SEAMLESS_REMOTE_READ_TIMEOUT": "soon"}), "C113", FIX, "a number",
    ),
    "a variable that tells more": (replace(HERE, environ={"SEAMLESS_CLIENT_DEBUG": "1"}), "C113", OK, ""),
    "a cache that stands in": (
        replace(HERE, environ={"SEAMLESS_CACHE": "/c"}),
        "C113", WARNING, "unset SEAMLESS_CACHE",
    ),
    "a full disk": (replace(HERE, free={"/h": 10**6}), "C114", FIX, "free some space"),
}  # fmt: skip


@pytest.mark.parametrize(("sight", "id_", "status", "remedy"), CASES.values(), ids=CASES)
def test_each_rule(sight, id_, status, remedy):
    one = judged(sight)[id_]
    assert one.status is status, one
    assert remedy in one.remedy
    assert one.where == ("here" if status in (FIX, WARNING) else "")


def test_every_check_is_there_and_a_good_machine_is_well():
    checks = judged(HERE)
    assert list(checks) == [id_ for id_ in CHECKS if id_.startswith("C1")]
    assert {one.status for one in checks.values()} == {OK, SKIPPED}


def test_what_a_proxy_is_called_is_nobodys_business():
    one = judged(replace(HERE, environ=PROXY))["C106"]
    assert "hunter2" not in f"{one.seen}{one.remedy}{one.evidence}"


# --- what is read ----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, and a folder to work in."""
    for name in ("SEAMLESS_CACHE", "REMOTE_HTTP_LAUNCHER_DIR", "SSH_AUTH_SOCK", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "work").mkdir()
    return tmp_path


def looked(home, *patients, **environ):
    return look_here((), patients, folder=str(home / "work"), environ={"HOME": str(home), **environ})


def test_a_new_user_has_nothing_to_fix(home):
    before = sorted(home.rglob("*"))
    checks = judged(looked(home))
    assert [one for one in checks.values() if one.status is FIX] == []
    assert sorted(home.rglob("*")) == before


def test_files_are_found_and_faults_told(home):
    (home / "work" / "seamless.yaml").write_text("- project: x\n")
    (home / "work" / "seamless.profile.yaml").write_text("cluster: x\n")
    clusters = home / ".seamless" / "clusters"
    clusters.mkdir(parents=True)
    (clusters / "hpc.yaml").write_text("{}\n")
    (home / ".seamless" / "clusters.yaml").write_text("a: b: c\n")
    seen = looked(home)
    assert [file.path.rpartition("/")[2] for file in seen.commands] == [
        "seamless.yaml",
        "seamless.profile.yaml",
    ]
    assert [bool(file.fault) for file in seen.commands] == [False, True]
    assert {file.path.rpartition("/")[2]: bool(file.fault) for file in seen.clusters} == {
        "clusters.yaml": True,
        "hpc.yaml": False,
    }


def test_what_hosts_want_of_this_machine(home):
    seen = looked(home, Patient("a", "a.example.org"), Patient("b", "b.example.org", tunnelled=True))
    assert (seen.remote, seen.local, seen.tunnels, seen.hostnames) == (True, False, True, ("a.example.org",))
    assert looked(home, Patient("local")).local


def test_environment_and_folders(home, monkeypatch):
    (home / ".remote-http-launcher").mkdir(mode=0o700)
    (home / ".remote-http-launcher").chmod(0o777)
    seen = looked(home, http_proxy="http://p", SOMETHING="else")
    assert seen.environ == {"http_proxy": "http://p"}
    assert judged(seen)["C108"].status is FIX
    # A folder of the user's own choice stands where it stands.
    monkeypatch.setenv("REMOTE_HTTP_LAUNCHER_DIR", str(home / "own"))
    assert [folder.path for folder in looked(home).launcher] == [str(home / "own")]


def test_a_path_that_is_not_there(tmp_path):
    seen = look(tmp_path / "a" / "b")
    assert (seen.there, seen.writable) == (False, True)
    assert free_at(tmp_path / "a" / "b") == pytest.approx(free_at(tmp_path), rel=0.5)


def test_left_over_connections_are_told_from_those_in_use(tmp_path):
    for name in ("rhl-live", "rhl-dead", "rhl-empty", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "rhl-file").write_text("")
    with (
        socket.socket(socket.AF_UNIX) as live,
        socket.socket(socket.AF_UNIX) as dead,
        socket.socket(socket.AF_UNIX) as other,
    ):
        for stream, name in ((live, "rhl-live"), (dead, "rhl-dead"), (other, "other")):
            stream.bind(str(tmp_path / name / "master"))
        live.listen()
        dead.close()
        found = {one.folder.rpartition("/")[2]: one.live for one in masters([tmp_path, tmp_path / "nowhere"])}
    assert found == {"rhl-live": True, "rhl-dead": False}


# --- versions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "tested", "fitting"),
    [
        ("0.4.5", "<0.5,>=0.4.5", True),
        ("0.4.4", "<0.5,>=0.4.5", False),
        ("0.5", "<0.5,>=0.4.5", False),
        ("0.5.0rc1", ">=0.4.5,<0.5", False),
        ("1.10", ">=1.9", True),
        ("2", ">=2.0.0", True),
        ("2.0.1", "<=2", False),
        ("1.4.9", "~=1.4.2", True),
        ("1.5", "~=1.4.2", False),
        ("1.5", "~=1.4", True),
        ("3.1", "!=3.1", False),
        ("3.1", "==3.1.0", True),
        ("3", ">3", False),
        ("9", "", True),
    ],
)
def test_a_version_and_its_range(version, tested, fitting):
    assert fits(version, tested) is fitting


def test_what_is_needed_is_read_from_the_package_itself():
    lines = ["rich<16,>=13.7", "no-such-package>=1", 'pytest>=8; extra == "services"', "(odd"]
    found = {one.name: one for one in requirements(lines)}
    assert found["rich"].fits
    assert found["no-such-package"].installed is None
    assert found["pytest"].optional
    assert "seamless-reconcile" in found
    assert {"remote-http-launcher", "seamless-config", "paramiko"} <= {one.name for one in requirements()}


def test_help_texts_are_those_of_the_installed_helpers():
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    texts = help_texts()
    assert len(texts) == 8
    script = "import sys; sys.argv = ['x', '--help']; from ssh_guard.helpers.ps import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == texts["rhl-ps"]
