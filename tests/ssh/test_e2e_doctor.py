"""`doctor` on real hosts: each row of the guide's table provoked and told right, and nothing touched.

Most hosts are examined in one run (`ward`): each has one thing wrong with it, and the run itself must leave
all of them, and this client, as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from lab import HostSpec
from lab.host import free_port, keygen
from rhl_helpers.reachability import route, ssh_lets_ports_through

pytestmark = pytest.mark.ssh

STANDARD = ("plain", "rooted", "marked", "unpolicied", "bare", "conda")
SHELL_PREFIX = "PATH=$HOME/miniforge3/bin:$HOME/miniconda3/bin:$PATH"


class Examined:
    """What `doctor --json` printed."""

    def __init__(self, printed) -> None:
        self.raw = json.loads(printed)
        self.hosts = {host["name"]: host for host in self.raw["hosts"]}

    def check(self, host, id_):
        report = self.raw["client"] if host == "here" else self.hosts[host]
        (found,) = [one for one in report["checks"] if one["id"] == id_]
        return found

    def status(self, host, id_):
        return self.check(host, id_)["status"]

    def to_fix(self, host):
        return [one["id"] for one in self.hosts[host]["checks"] if one["status"] == "fix"]


def doctor(user, *words, code=0, env=None):
    done = user.run("seamless-reconcile", "doctor", "--json", *words, env=env, seconds=150)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return Examined(done.stdout)


def tree(root):
    """Give all that can be told of a folder: names, kinds, modes, times, sizes, contents."""
    found = {}
    for path in (root, *root.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        digest = hashlib.sha256(content).hexdigest()
        found[str(path)] = (seen.st_mode, seen.st_mtime_ns, seen.st_size, digest)
    return found


@pytest.fixture(autouse=True)
def no_manifest(user):
    (user.folder / "seamless.reconcile.yaml").unlink(missing_ok=True)


# --- the ward --------------------------------------------------------------------------------


class Ward:
    """Hosts that each have something; `words` names them on the command line."""

    def __init__(self, lab, folder) -> None:
        self.lab, self.folder = lab, folder
        self.hosts, self.words, self.definitions = {}, [], {}

    def add(self, name, **spec):
        """Start a host, to be examined by its name alone."""
        self.hosts[name] = self.lab.add(HostSpec(name, **spec))
        self.words += ["--host", name]
        return self.hosts[name]

    def cluster(self, name, **frontend):
        """Let a cluster name a host, with something else in its frontend."""
        self.hosts[name] = self.lab.host(name)
        definition = self.lab.cluster(name, tunnel=frontend.pop("tunnel", True))
        definition["frontends"][0] |= frontend
        self.definitions[name] = definition
        self.words += ["--cluster", name]

    def forced(self, name, command):
        """Start a host whose key is limited to a command."""
        keys = self.add(name).folder / "authorized_keys"
        keys.write_text(f'command="{command}" {self.lab.public_key}\n')


def guards(ward):
    ward.forced("permissive", "rhl-guard --permissive-paths")
    ward.forced("misconfigured", "rhl-guard --nonsense")
    ward.forced("lost-guard", "/nowhere/rhl-guard")
    # A home-made guard that forgot the home directory.
    loose = ward.folder / "loose"
    loose.write_text(
        "#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in *seamless-reconcile-doctor*)\n"
        "  echo 'rhl-guard: rejected: path is outside configured --data-roots' >&2; exit 1;; esac\n"
        'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    loose.chmod(0o755)
    ward.forced("loose", str(loose))
    ward.lab.add(HostSpec("narrow", guard="data-roots", roots=("/tmp",)))
    ward.cluster("narrow", hashserver={"bufferdir": "/srv/buffers"})


def logins(ward):
    (ward.add("closed-to-us").folder / "authorized_keys").write_text("")
    more = ("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    ward.add("one-time-password", sshd=more)
    ward.lab.host("plain2")
    ward.add("behind", jump="plain2")
    ward.lab.add_place("gone-gate", free_port())
    ward.add("cut-off", jump="gone-gate")
    ward.lab.add(HostSpec("no-forwards", forwarding=False))
    ward.cluster("no-forwards")
    ward.cluster("plain2", tunnel=False, hostname="nowhere.invalid")


def installs(ward):
    older = ward.add("older", helpers="conda").home / "miniforge3" / "bin"
    (older / "rhl-conda-info").unlink()
    first = (older / "rhl-logs").read_text().splitlines()[0]
    (older / "rhl-logs").unlink()
    (older / "rhl-logs").write_text(f'{first}\nprint("usage: rhl-logs KEY")\n')
    (older / "rhl-logs").chmod(0o755)
    shadowed = ward.add("shadowed").home / "miniforge3" / "bin"
    shadowed.mkdir(parents=True)
    (shadowed / "rhl-ps").write_text("#!/bin/sh\necho 'ImportError: no ssh_guard' >&2\nexit 1\n")
    (shadowed / "rhl-ps").chmod(0o755)
    ward.add("chatty", noise="Welcome! \\033[31m{not json}", banner="Keep out")
    ward.lab.add(HostSpec("unprimed"))
    ward.cluster("unprimed")
    (ward.hosts["unprimed"].home / ".remote-http-launcher" / "conda-setup.json").unlink()
    ward.lab.add(HostSpec("lacking"))
    ward.cluster(
        "lacking", jobserver={**ward.lab.cluster("lacking")["frontends"][0]["jobserver"], "conda": "x9"}
    )


def states(ward):
    contents = {
        "emptied": "",
        "malformed": json.dumps({"status": "running", "pid": 1}),
        "misplaced": json.dumps({"status": "failed", "log": "/elsewhere/server/k.log"}),
        "fast": json.dumps({"status": "failed"}),
    }
    for name, content in contents.items():
        host = ward.add(name)
        host.server_dir.mkdir(parents=True)
        (host.server_dir / "k.json").write_text(content)
    ahead = time.time() + 7200
    os.utime(ward.hosts["fast"].server_dir / "k.json", (ahead, ahead))


def keys_of_hosts(ward):
    """One whose key is unknown, one whose key is another than the one that is known."""
    for name in ("stranger", "rekeyed-doctor"):
        ward.add(name)
    # ssh by itself would put the second key of this one on record.
    second = ward.folder / "second"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", second], check=True)
    ward.add("two-keyed", sshd=(f"HostKey {second}",), config=("UpdateHostKeys yes",))
    known = ward.lab.known_hosts.read_text().splitlines(keepends=True)
    changed = ward.hosts["rekeyed-doctor"]
    changed.stop()
    changed.new_host_key()
    changed.start()
    port = f"]:{ward.hosts['stranger'].port} "
    ward.lab.known_hosts.write_text("".join(line for line in known if port not in line))


@pytest.fixture(scope="module")
def ward(lab, user, tmp_path_factory):
    """Everybody, before the run and after it."""
    made = Ward(lab, tmp_path_factory.mktemp("ward"))
    for name in STANDARD:
        made.cluster(name)
    for prepare in (guards, logins, installs, states, keys_of_hosts):
        prepare(made)
    user.clusters({"local_cluster": "here", "here": user.local(), **made.definitions})
    (user.folder / "seamless.reconcile.yaml").unlink(missing_ok=True)
    made.before = everything(made, user)
    made.words += ["--cluster", "here", "--timeout", "60"]
    made.seen = doctor(user, *made.words, code=2)
    made.after = everything(made, user)
    lab.write_ssh_files()
    return made


def everything(ward, user):
    """Give all that a doctor could have touched."""
    folders = {name: tree(host.home) for name, host in ward.hosts.items()}
    kept = [path.read_bytes() for path in (ward.lab.known_hosts, ward.lab.ssh_config)]
    return folders, tree(user.home), kept


@pytest.fixture
def seen(ward):
    return ward.seen


def test_nothing_is_changed_anywhere_byte_for_byte(ward):
    assert ward.after == ward.before


def test_no_connection_is_left_behind(ward):
    for host in ward.hosts.values():
        processes = 0
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (processes := len(host._sshd_processes())) > 1:
            time.sleep(0.05)
        assert processes == 1, host.name


# --- the guide's table -----------------------------------------------------------------------


def test_a_good_host_is_well(seen):
    assert seen.hosts["plain"]["status"] == "ok"
    assert seen.hosts["plain"]["clusters"] == ["plain"]
    for id_ in (
        "C201",
        "C202",
        "C203",
        "C204",
        "C205",
        "C206",
        "C207",
        "C208",
        "C301",
        "C302",
        "C303",
        "C304",
    ):
        assert seen.status("plain", id_) == "ok", id_


def test_not_installed_at_all(seen):
    one = seen.check("bare", "C301")
    assert (one["status"], one["where"]) == ("fix", "bare")
    assert "command not found" in one["seen"]
    assert "pip install 'remote-http-launcher" in one["remedy"]
    assert "conda's base" in one["remedy"]
    assert "nothing has to be changed in any client" in one["remedy"]
    assert SHELL_PREFIX in one["evidence"]["probe"]
    # What follows from it is not told again.
    assert seen.to_fix("bare") == ["C301"]


def test_found_in_the_conda_base_only(seen):
    assert seen.status("conda", "C301") == "ok"
    one = seen.check("conda", "C302")
    assert one["status"] == "warning"
    assert f"ssh conda '{SHELL_PREFIX}' rhl-ps --json" in one["remedy"]
    assert seen.to_fix("conda") == []


def test_works_by_hand_but_not_here_is_a_name(lab, user):
    # By hand `ssh by-hand` works: it knows a way to the address that the cluster file has.
    host, gate = lab.host("plain"), lab.host("plain2")
    alias = (
        "Host by-hand", "HostName inner.invalid", f"HostKeyAlias [127.0.0.1]:{host.port}",
        f"ProxyCommand {lab.bin}/ssh -W 127.0.0.1:{host.port} {gate.name}",
    )  # fmt: skip
    lab.add(HostSpec("aliased", config=alias))
    nameless, mistaken = lab.cluster("plain"), lab.cluster("plain")
    nameless["frontends"][0] |= {"hostname": "inner.invalid"}
    del nameless["frontends"][0]["ssh_hostname"]
    mistaken["frontends"][0] |= {"hostname": "plain", "ssh_hostname": "palin.invalid"}
    user.clusters({"nameless": nameless, "mistaken": mistaken})
    seen = doctor(user, "--cluster", "nameless", "--cluster", "mistaken", code=2)
    assert seen.to_fix("inner.invalid") == ["C202", "C210"]
    one = seen.check("inner.invalid", "C210")
    assert "set frontends[].ssh_hostname: by-hand in the definition of nameless" in one["remedy"]
    assert one["where"] == "here"
    assert (
        "ssh_hostname: plain in the definition of mistaken" in seen.check("palin.invalid", "C210")["remedy"]
    )


# --- guards ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "policy"),
    [
        ("plain", "no_guard"),
        ("rooted", "roots"),
        ("marked", "marker"),
        ("unpolicied", "none"),
        ("permissive", "open"),
    ],
)
def test_the_guards_policy_is_found_out(seen, host, policy):
    one = seen.check(host, "C401")
    assert one["evidence"]["policy"] == policy
    assert seen.to_fix(host) == (["C401"] if policy == "none" else [])


def test_a_guard_without_a_policy_is_told_how_to_get_one(seen):
    one = seen.check("unpolicied", "C401")
    assert "--data-roots FILE" in one["remedy"]
    assert "authorized_keys" in one["remedy"]
    assert one["where"] == "unpolicied"


def test_guards_that_do_not_work(seen):
    assert "configuration error" in seen.check("misconfigured", "C401")["seen"]
    assert "full path in ~/.ssh/authorized_keys" in seen.check("lost-guard", "C301")["remedy"]


def test_guards_that_let_too_much_through(seen):
    assert seen.status("permissive", "C403") == "warning"
    one = seen.check("loose", "C403")
    assert (one["status"], one["where"]) == ("fix", "loose")
    assert "home directory" in one["seen"]


def test_folders_outside_of_the_data_roots(ward, user):
    # What a cluster file allows may be wider than what a guard does; what a manifest needs may not.
    assert ward.seen.status("narrow", "C402") == "warning"
    user.clusters(ward.definitions)
    user.manifest({"hashserver": "running", "database": "running"}, cluster="narrow", project="p")
    one = doctor(user, code=2).check("narrow", "C402")
    assert (one["status"], one["where"]) == ("fix", "narrow")
    assert "add /srv/buffers/p to the file that --data-roots names" in one["remedy"]


# --- the way to a host -----------------------------------------------------------------------


def test_an_unknown_host_key_is_never_accepted(ward, seen):
    host = ward.hosts["stranger"]
    one = seen.check("stranger", "C204")
    assert one["seen"].startswith("unknown: ssh-ed25519 SHA256:")
    assert f"ssh-keyscan -p {host.port} 127.0.0.1 | ssh-keygen -lf -" in one["remedy"]
    assert f"ssh-keyscan -p {host.port} -t ed25519 127.0.0.1 >> {ward.lab.known_hosts}" in one["remedy"]
    assert seen.status("stranger", "C206") == "skipped"
    assert seen.to_fix("stranger") == ["C204"]
    assert "Accepted" not in host.log.read_text()


def test_a_changed_host_key_comes_with_the_exact_commands(ward, user, seen):
    host, known = ward.hosts["rekeyed-doctor"], ward.lab.known_hosts
    one = seen.check(host.name, "C204")
    assert one["seen"].startswith("CHANGED: ")
    forget = f"ssh-keygen -f {known} -R '[127.0.0.1]:{host.port}'"
    assert one["remedy"].index("owner") < one["remedy"].index(forget)
    # And they help.
    known.write_bytes(ward.before[2][0])
    try:
        done = user.run("sh", "-c", one["remedy"].partition("Only if it is: ")[2].replace("then ", ""))
        assert done.returncode == 0, done.stderr
        assert f"[127.0.0.1]:{host.port} {host.host_key}" in known.read_text()
    finally:
        Path(f"{known}.old").unlink(missing_ok=True)
        ward.lab.write_ssh_files()


def test_a_refused_login(seen):
    one = seen.check("closed-to-us", "C206")
    assert "1 key(s) refused" in one["seen"]
    assert (one["where"], seen.to_fix("closed-to-us")) == ("closed-to-us", ["C206"])
    assert "authorized_keys" in one["remedy"]
    assert seen.status("closed-to-us", "C207") == "skipped"


def test_a_host_that_wants_more_than_a_key(seen):
    assert "ControlMaster" in seen.check("one-time-password", "C206")["remedy"]


def test_a_key_with_a_passphrase(lab, user, tmp_path):
    key = tmp_path / "locked"
    keygen(key)
    assert user.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key).returncode == 0
    lab.add(HostSpec("locked", config=(f"IdentityFile {key}", "IdentityAgent none")))
    away = lab.key.rename(lab.root / "away")
    try:
        seen = doctor(user, "--host", "locked", code=2)
    finally:
        away.rename(lab.key)
    one = seen.check("locked", "C205")
    assert one["remedy"].startswith(f"ssh-add {key}")
    assert one["evidence"]["files"] == {str(key): "needs a passphrase"}
    assert seen.status("locked", "C206") == "fix"


def test_one_transport_fails_and_the_other_works(lab, user, tmp_path):
    lab.host("plain")
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\ncase "$*" in *-G*) exec {lab.bin}/ssh "$@";; esac\nexit 255\n')
    ssh.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{lab.env['PATH']}"}
    user.clusters({"hpc": lab.cluster("plain")})
    seen = doctor(user, "--cluster", "hpc", env=env, code=2)
    # Where tunnels are asked for, ssh has to work.
    assert seen.to_fix("plain") == ["C207"]
    assert "tunnels are its forwards" in seen.check("plain", "C207")["remedy"]
    one = doctor(user, "--host", "plain", "--ssh", "openssh", env=env, code=2).check("plain", "C206")
    assert "use --ssh paramiko" in one["remedy"]


def test_a_host_that_forwards_no_ports(ward, user, seen):
    one = seen.check("no-forwards", "C208")
    assert (one["status"], one["where"]) == ("fix", "no-forwards")
    assert "AllowTcpForwarding yes" in one["remedy"]


def test_forwarding_can_be_asked_for_by_the_ssh_binary(lab):
    closed = lab.add(HostSpec("no-forwards-either", forwarding=False))
    for host, forwards in ((lab.host("plain"), True), (closed, False)):
        way = route(host.name, config_file=str(lab.ssh_config))
        assert ssh_lets_ports_through(way, timeout=30) is forwards
    assert ssh_lets_ports_through(route("nowhere.invalid"), timeout=30) is None


def test_an_address_for_clients_that_is_none(seen):
    assert seen.to_fix("plain2") == ["C209"]
    assert "frontends[].hostname" in seen.check("plain2", "C209")["remedy"]


def test_through_a_jump_host(seen):
    assert "through plain2" in seen.check("behind", "C201")["seen"]
    assert seen.status("behind", "C202") == "skipped"
    assert "through the proxy" in seen.check("behind", "C203")["seen"]
    assert seen.hosts["behind"]["status"] == "ok"
    one = seen.check("cut-off", "C203")
    assert "jump host gone-gate" in one["seen"]
    assert "ssh gone-gate true" in one["remedy"]


def test_dead_and_silent_hosts_delay_nobody(lab, user):
    frozen = lab.add(HostSpec("frozen-doctor"))
    lab.add_place("refusing", free_port())
    lab.host("bare")
    frozen.freeze()
    names = ("frozen-doctor", "refusing", "nowhere.invalid", "web", "bare")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lab.add_place("web", listener.getsockname()[1])
        try:
            seen = doctor(user, *(word for name in names for word in ("--host", name)), code=2)
        finally:
            frozen.thaw()
    assert seen.to_fix("bare") == ["C301"]
    # Silence is waited for once, and by nobody else.
    silent = [seen.hosts[name]["seconds"] for name in ("frozen-doctor", "web")]
    assert max(seen.hosts[name]["seconds"] for name in ("bare", "refusing")) < min(silent)
    for name in ("frozen-doctor", "web"):
        assert "does not speak ssh" in seen.check(name, "C203")["seen"]
    assert "refused" in seen.check("refusing", "C203")["seen"]
    assert "cannot resolve" in seen.check("nowhere.invalid", "C202")["seen"]
    assert [seen.to_fix(name) for name in names[:4]] == [["C203"], ["C203"], ["C202"], ["C203"]]


# --- what surrounds services -----------------------------------------------------------------


def test_a_login_message_on_stdout(seen):
    one = seen.check("chatty", "C304")
    assert one["status"] == "warning"
    assert "Welcome!" in one["seen"]
    assert "\x1b" not in one["seen"]


def test_conda_that_was_never_primed_or_lacks_an_environment(seen):
    one = seen.check("unprimed", "C501")
    assert (one["remedy"], one["where"]) == ("ssh unprimed rhl-cache-conda", "unprimed")
    one = seen.check("lacking", "C502")
    assert "x9" in one["seen"]
    assert one["remedy"].endswith("ssh lacking rhl-cache-conda")


def test_malformed_empty_and_misplaced_state_files(seen):
    assert "k.json" in seen.check("emptied", "C601")["seen"]
    assert seen.check("emptied", "C601")["where"] == "emptied"
    # An empty one is what a full disk leaves.
    assert "df -h" in seen.check("emptied", "C603")["remedy"]
    assert "malformed: k" in seen.check("malformed", "C601")["seen"]
    assert "REMOTE_HTTP_LAUNCHER_DIR" in seen.check("misplaced", "C602")["remedy"]


def test_clocks(seen):
    one = seen.check("fast", "C604")
    assert one["status"] == "warning"
    assert 6000 < one["evidence"]["ahead"] <= 7200
    assert seen.status("plain", "C604") in ("ok", "skipped")


def test_an_older_install_is_told_by_what_it_lacks(seen):
    assert "rhl-conda-info" in seen.check("older", "C301")["seen"]
    assert "pip install -U" in seen.check("older", "C301")["remedy"]
    assert seen.check("older", "C303")["evidence"]["differing"] == ["rhl-logs"]


def test_a_broken_install_in_the_conda_base_hides_a_good_one(seen):
    one = seen.check("shadowed", "C301")
    assert "conda base comes first on PATH and is broken" in one["seen"]
    assert one["where"] == "shadowed"


def test_this_machine_as_one_that_services_run_on(seen):
    assert seen.hosts["local"]["status"] == "ok"
    assert seen.status("local", "C301") == seen.status("local", "C502") == "ok"
    assert seen.status("local", "C206") == "skipped"


# --- output ----------------------------------------------------------------------------------


def test_without_a_manifest_this_machine_alone(user):
    assert "only this machine was looked at" in user.sr("doctor", "-q").stdout
    assert doctor(user).raw["hosts"] == []


def test_a_manifest_names_the_hosts(lab, user):
    user.clusters({"hpc": lab.cluster("bare")})
    user.manifest({"hashserver": "running"}, cluster="hpc", project="p")
    done = user.sr("doctor", "-v", code=2)
    assert "bare (hpc)" in done.stdout
    assert "read      bare" in done.stderr
    assert "✓ C206" in done.stdout
    assert "✗ C301" in done.stdout
    quiet = user.sr("doctor", "-q", code=2)
    assert quiet.stderr == ""
    assert "C206" not in quiet.stdout
    assert "0 of 1 host in working order" in quiet.stdout


def test_colours_and_plain_letters(lab, user):
    lab.host("bare")
    colored = user.terminal("doctor", "--host", "bare").stdout
    assert "\x1b[1;31m" in colored
    ascii_only = user.sr("doctor", "--host", "bare", code=2, env={"PYTHONIOENCODING": "ascii"}).stdout
    assert "x C301" in ascii_only
    assert ascii_only.isascii()
    assert "\x1b" not in ascii_only
