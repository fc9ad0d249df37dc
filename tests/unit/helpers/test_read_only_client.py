"""S6 on this machine: what reads is handed on, what changes is refused before it begins."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from rhl_helpers.client import Client, Forward
from rhl_helpers.errors import MutationRefused
from rhl_helpers.read_only_client import ReadOnlyClient

FORWARD = Forward(1, "host", "localhost", 2)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("write_file", ("key", {})),
        ("remove_file", ("key",)),
        ("open_forward", ("host", "localhost", 1, 2)),
        ("end_forward", (FORWARD,)),
    ],
)
def test_changes_are_refused(name, args):
    client = Mock(spec=Client)
    with pytest.raises(MutationRefused):
        getattr(ReadOnlyClient(client), name)(*args)
    assert client.method_calls == []


@pytest.mark.parametrize(
    ("name", "args"), [("files", ()), ("forwards", ()), ("probe", ("localhost", 1, "x")), ("evidence", (5,))]
)
def test_reads_are_handed_on(name, args):
    client = Mock(spec=Client)
    answer = getattr(ReadOnlyClient(client), name)(*args)
    assert answer is getattr(client, name).return_value
