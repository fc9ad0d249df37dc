"""What a doctor checks. An id, once released, keeps its meaning for ever.

C1xx this machine, C2xx the way to a host, C3xx helpers, C4xx guard, C5xx conda and programs, C6xx state.
`docs/reference/doctor.md` is made from this.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is checked.

    Attributes:
        title: what it is about, in a few words.
        meaning: why it matters.
    """

    id: str
    title: str
    meaning: str


_CHECKS = (
    Check("C101", "project files", "They supply cluster, project and stage where the manifest is silent."),
    Check("C102", "cluster files", "They say which machines there are, and under which ssh name."),
    Check("C103", "ssh program", "Tunnels are carried by it, and some hosts can be reached by it alone."),
    Check("C104", "helpers on this machine", "Services on this machine are started and read by them."),
    Check("C105", "versions", "Other versions than the tested ones may speak differently."),
    Check("C106", "proxy variables",
          "This program ignores them; the Seamless client's own handshakes go through the proxy and fail."),
    Check("C107", "REMOTE_HTTP_LAUNCHER_DIR",
          "With it set, client and helpers look for the same files in different folders."),
    Check("C108", "launcher's folder", "Whoever can write its connection files can redirect clients."),
    Check("C109", "state folder", "Receipts, records and saved logs go there; apply needs it."),
    Check("C110", "left-over connections", "Master connections of runs that were killed."),
    Check("C111", "ssh agent", "Keys with a passphrase work only through it."),
    Check("C112", "ssh files", "ssh refuses a configuration that others may write, and unknown hosts."),
    Check("C113", "SEAMLESS variables", "They change what the Seamless client does."),
    Check("C114", "disk of this machine", "A full disk breaks state files, logs and records."),
    Check("C201", "ssh configuration", "Both transports go by what `ssh -G` says of the host."),
    Check("C202", "name", "Without an address nothing can be reached."),
    Check("C203", "ssh server", "It must take connections and speak ssh."),
    Check("C204", "host key", "It is never accepted unseen: another machine may answer under that name."),
    Check("C205", "keys to log in with", "What this client can offer without asking anybody."),
    Check("C206", "login", "Every helper call is a login's."),
    Check("C207", "the other transport", "Where one way fails the other may work; tunnels need `ssh`."),
    Check("C208", "port forwarding", "Tunnels are forwards through the ssh server."),
    Check("C209", "address for clients", "Without a tunnel, clients connect to it directly."),
    Check("C210", "name in the cluster file",
          "What works by hand may be another name than the one that is asked for here."),
    Check("C301", "helpers", "Nothing can be read or changed on a host without them."),
    Check("C302", "helpers without the PATH prefix",
          "An install in the conda base is found only with conda's folders put before PATH."),
    Check("C303", "version of the helpers", "An older or newer one may speak differently."),
    Check("C304", "quiet login", "What a startup file prints on stdout stands before every answer."),
    Check("C401", "guard", "It limits a key to the helpers, and those to some folders."),
    Check("C402", "folders under the guard", "A folder it refuses can be neither used nor cleared."),
    Check("C403", "limits of the guard", "One that lets everything through protects nothing."),
    Check("C501", "conda cache", "A service in a conda environment cannot be launched without it."),
    Check("C502", "conda environments", "A launch in an environment that is not there dies at once."),
    Check("C503", "service programs", "They must be on PATH, or in the environment, where the services run."),
    Check("C601", "state files", "One malformed file hides all services from the helper that lists them."),
    Check("C602", "state folder", "Whoever can write there decides which processes the helpers signal."),
    Check("C603", "disk", "A full disk leaves empty state files, and orphans after a launch."),
    Check("C604", "clock", "Ages of state files are judged by this machine's clock."),
)  # fmt: skip

CHECKS: dict[str, Check] = {check.id: check for check in _CHECKS}
