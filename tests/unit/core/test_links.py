"""On this machine no link is cleared through, and no live process behind one is missed."""

from __future__ import annotations

from rhl_helpers.local_client import LocalClient
from rhl_helpers.rows import PersistentRow, ServerRow
from seamless_reconcile.declared import CacheState
from seamless_reconcile.facts import CacheFacts, HostFacts
from seamless_reconcile.kinds import cache
from seamless_reconcile.observe.places import with_real_place, with_real_workdirs
from seamless_reconcile.observed import Present
from seamless_reconcile.safety import clear_refusal

HOME = "/home/nobody-at-all"


def node_at(path, root, host="local"):
    return cache.CacheNode(
        "one", host, str(path), ("one",), CacheState.COLD, cache.HASHSERVER_MARKER, None, None, str(root)
    )


def seen_at(node):
    row = PersistentRow(path=node.path, state="populated")
    facts = with_real_place(CacheFacts(Present(row)), node, LocalClient())
    return cache.classify(node, facts, {})


def refusal_of(node, *rows):
    listing = HostFacts("local", {row.key: row for row in rows}, home=HOME)
    listing = with_real_workdirs(listing, LocalClient())
    return clear_refusal(node, seen_at(node), listing, going_down=frozenset(), cold_paths=())


def test_a_link_to_another_project_is_refused(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    refused = refusal_of(node_at(tmp_path / "link", tmp_path))
    assert "is a link" in refused.reason
    assert str(tmp_path / "victim") in refused.reason


def test_a_link_above_the_root_is_no_surprise(tmp_path):
    (tmp_path / "disk" / "buffers" / "p").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    root = tmp_path / "home" / "buffers"
    assert refusal_of(node_at(root / "p", root)) is None


def test_a_live_service_behind_a_link_forbids_the_clear(tmp_path):
    (tmp_path / "disk" / "buffers" / "p").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    root = tmp_path / "home" / "buffers"
    other = ServerRow(key="k", live=True, pid=4000, workdir=str(tmp_path / "disk" / "buffers" / "p"))
    assert "works in" in refusal_of(node_at(root / "p", root), other).reason


def test_a_live_service_whose_own_directory_is_a_link_forbids_the_clear(tmp_path):
    (tmp_path / "buffers" / "p").mkdir(parents=True)
    (tmp_path / "shortcut").symlink_to(tmp_path / "buffers" / "p")
    other = ServerRow(key="k", live=True, pid=4000, workdir=str(tmp_path / "shortcut"))
    assert "works in" in refusal_of(node_at(tmp_path / "buffers" / "p", tmp_path / "buffers"), other).reason


def test_on_other_hosts_nobody_can_look(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert not seen_at(node_at(tmp_path / "link", tmp_path, host="frontend")).displaced
