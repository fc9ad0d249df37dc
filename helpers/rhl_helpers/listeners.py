"""Who listens on a port of this machine, among this user's ssh processes."""

from __future__ import annotations

import os

import psutil


def listens(process: psutil.Process, port: int) -> bool:
    """Tell whether a process listens on a TCP port."""
    # Called `connections` before psutil 6.
    ask = getattr(process, "net_connections", None) or process.connections
    try:
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in ask("tcp"))
    except (psutil.Error, OSError):
        return False


def own_ssh_listens(port: int) -> bool:
    """Tell whether any ssh of this user listens on a TCP port: a shared master connection may."""
    uid = os.getuid()
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                mine = process.name() == "ssh" and process.uids().real == uid
        except psutil.Error:
            continue
        if mine and listens(process, port):
            return True
    return False
