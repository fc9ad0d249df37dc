"""A connection's reading thread that dies at its very end prints nothing."""

from __future__ import annotations

import socket
import threading

import paramiko
import pytest

from rhl_helpers.transport.loading import new_transport


def test_a_reader_that_dies_is_an_ended_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)

    def hung_up(self: paramiko.Transport) -> None:
        raise EOFError

    monkeypatch.setattr(paramiko.Transport, "run", hung_up)
    here, there = socket.socketpair()
    with here, there:
        transport = new_transport(here)
        transport.active = True
        transport.start()
        transport.join(10)
        assert not transport.is_alive()
        assert not transport.active
        transport.close()
    assert died == []
