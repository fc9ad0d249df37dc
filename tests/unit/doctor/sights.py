"""What could be seen of hosts and of this machine, to judge."""

from __future__ import annotations

from dataclasses import replace

from rhl_helpers.credentials import Agent, AgentState, KeyFile, KeyState, Offer
from rhl_helpers.examining import HELPERS, CondaCache, HelpText
from rhl_helpers.reachability import Greeting, Route
from rhl_helpers.rows import PersistentRow
from rhl_helpers.transport.host_key import ShownKey
from rhl_helpers.transport.known_hosts import KeyVerdict
from rhl_helpers.transport.ssh_config import SshSettings
from seamless_reconcile.doctor.here import report_here
from seamless_reconcile.doctor.seen import (
    HereSight,
    HostSight,
    Login,
    PathSight,
    Patient,
    Requirement,
    Trouble,
)
from seamless_reconcile.doctor.verdicts import report_of

SETTINGS = SshSettings(
    "frontend",
    "login.example.org",
    22,
    "me",
    ("/home/me/.ssh/id_ed25519",),
    known_hosts=("/home/me/.ssh/known_hosts",),
)
ROUTE = Route(SETTINGS)
TEXTS = {name: f"usage: {name}\n" for name in HELPERS}
NO_GUARD = PersistentRow(path="/x/.y", state="absent")


def key(verdict=KeyVerdict.MATCHES, **more):
    return Greeting(
        "SSH-2.0-OpenSSH_9.2", ShownKey("ssh-ed25519", "SHA256:abc", verdict, **more), ("login.example.org",)
    )


def offer(state=KeyState.USABLE, agent=AgentState.NONE, keys=0):
    files = (KeyFile("/home/me/.ssh/id_ed25519", state),) if state else ()
    return Offer(Agent(agent, keys, "/run/agent", "gone" if agent is AgentState.SILENT else ""), files)


def refused(detail, **more):
    return Trouble("guard refused", f"rejected: {detail}", **more)


WELL = HostSight(
    Patient("frontend", "login.example.org", tunnelled=True, clusters=("hpc",)),
    route=ROUTE,
    addresses=("192.0.2.7",),
    greeting=key(),
    offer=offer(),
    login=Login("paramiko", seconds=0.1),
    other=Login("openssh"),
    bare=HelpText(TEXTS["rhl-ps"]),
    help={name: HelpText(text) for name, text in TEXTS.items()},
    local_help=TEXTS,
    version="0.4.5",
    listed=(),
    hidden=NO_GUARD,
    conda=CondaCache({"conda_base": "/opt/conda", "envs": ["/opt/conda", "/opt/conda/envs/seamless"]}),
    forwarding=True,
)
"""A host with which nothing is wrong."""

HERE = HereSight(
    ssh="/usr/bin/ssh",
    ssh_version="OpenSSH_9.2",
    helpers=dict.fromkeys(HELPERS, "/opt/venv/bin/rhl-x"),
    packages=(Requirement("remote-http-launcher", ">=0.4.5,<0.5", "0.4.5"),),
    launcher=(PathSight("/home/me/.remote-http-launcher", 0o755),),
    state=PathSight("/home/me/.local/state/seamless-reconcile", 0o755),
    ssh_files=(PathSight("/home/me/.ssh", 0o700),),
    free={"/home/me": 10**12},
    remote=True,
)
"""This machine, as it should be."""


def out(sight=WELL, **more):
    """A host that does not let anybody in."""
    nothing = {
        "login": None, "other": None, "bare": None, "help": {}, "listed": None, "hidden": None,
        "conda": None, "forwarding": None,
    }  # fmt: skip
    return replace(sight, **{**nothing, **more})


def patient(sight=WELL, **more):
    return replace(sight, patient=replace(sight.patient, **more))


def judged(sight):
    """Give the checks of a host, or of this machine, by id."""
    report = report_here(sight) if isinstance(sight, HereSight) else report_of(sight)
    return {one.check.id: one for one in report.checks}
