"""The lab itself: what the other tests rely on."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from lab import HostSpec, Lab
from lab.host import find_sshd

pytestmark = pytest.mark.ssh

# Leaves a process behind, as a launched service is left, and tells its pid.
ORPHAN = "sleep 300 >/dev/null 2>&1 & echo $!"


def test_each_host_has_its_own_home_and_path(lab):
    lab.host("plain")
    lab.host("bare")
    for name in ("plain", "bare"):
        done = lab.run(["ssh", name, 'echo "$HOME $PATH"'])
        assert done.stdout.split() == [str(lab.host(name).home), lab.host(name).path]
    assert lab.run(["ssh", "plain", "rhl-ps --json"]).returncode == 0
    assert lab.run(["ssh", "bare", "rhl-ps --json"]).returncode == 127


def test_what_a_session_leaves_behind_ends_with_the_lab():
    with Lab() as own:
        own.host("plain")
        pid = int(own.run(["ssh", "plain", ORPHAN]).stdout)
        started = own.spawn(["sleep", "300"], env=own.env, name="client-side")
        assert psutil.pid_exists(pid)
        assert psutil.pid_exists(started)
    assert not _alive(pid)
    assert not _alive(started)
    assert not own.root.exists()


def _alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_dead_are_collected_at_once_or_later_on_request(lab):
    lab.host("plain")
    with lab.slow_init(1.0):
        pid = int(lab.run(["ssh", "plain", ORPHAN]).stdout)
        psutil.Process(pid).kill()
        time.sleep(0.3)
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        _wait_gone(pid)
    pid = int(lab.run(["ssh", "plain", ORPHAN]).stdout)
    psutil.Process(pid).kill()
    assert _wait_gone(pid) < 0.5


def _wait_gone(pid):
    began = time.monotonic()
    while psutil.pid_exists(pid):
        assert time.monotonic() - began < 10
        time.sleep(0.005)
    return time.monotonic() - began


def test_conda_environments_can_be_activated_on_a_host(lab):
    host = lab.host("conda")
    written = json.loads((host.home / ".remote-http-launcher" / "conda-setup.json").read_text())
    found = lab.run(["ssh", "conda", "PATH=$HOME/miniforge3/bin:$PATH rhl-cache-conda"])
    assert found.returncode == 0, found.stderr
    assert json.loads((host.home / ".remote-http-launcher" / "conda-setup.json").read_text()) == written
    activate = f"source {written['conda_source']} && conda activate seamless"
    assert (
        lab.run(["ssh", "conda", f"bash -lc '{activate} && command -v seamless-jobserver'"])
        .stdout.strip()
        .startswith(str(host.home))
    )


def test_a_machine_without_sshd_fails(monkeypatch):
    monkeypatch.setattr("lab.host.shutil.which", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="install the OpenSSH server"):
        find_sshd()


def test_knobs_reach_sshd(lab):
    host = lab.add(HostSpec("knobs", noise="Welcome!", banner="Authorized use only", max_sessions=1))
    done = lab.run(["ssh", "knobs", "rhl-ps", "--json"])
    assert done.stdout == "Welcome!\n"
    assert "Authorized use only" in done.stderr
    assert "MaxSessions 1" in (host.folder / "sshd_config").read_text()


def test_a_cluster_has_all_five_services(lab):
    lab.host("plain")
    lab.write_clusters({"c": lab.cluster("plain", tunnel=True), "d": lab.cluster("plain", tunnel=False)})
    services = ("hashserver", "database", "jobserver", "daskserver", "pure-daskserver")
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda service: _resolved(lab, service), services))
    assert [key.partition("-c")[0] for key, _ in found] == list(services)
    assert {host for _, host in found} == {"plain"}


def _resolved(lab, service):
    project = ["--project", "p"] if service != "pure-daskserver" else []
    done = lab.run(["seamless-service-resolve", "--service", service, "--cluster", "c", *project])
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    return data["key"], data["ssh_hostname"]
