"""Host keys, looked up the way ssh does."""

from __future__ import annotations

import subprocess

import pytest

from rhl_helpers.transport.known_hosts import KeyVerdict, KnownKeys, host_names, lookup

ED = ("ssh-ed25519", "AAAAed")
RSA = ("ssh-rsa", "AAAArsa")


def found(tmp_path, text, *names):
    (tmp_path / "known").write_text(text)
    return lookup([str(tmp_path / "known")], names)


@pytest.mark.parametrize(
    ("hosts", "name", "matches"),
    [
        ("frontend", "frontend", True),
        ("Frontend", "frontend", True),
        ("frontend,10.0.0.1", "10.0.0.1", True),
        ("[frontend]:2222", "[frontend]:2222", True),
        ("[frontend]:2222", "frontend", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org,!b.example.org", "b.example.org", False),
        ("!b.example.org,*.example.org", "b.example.org", False),
        ("node?", "node7", True),
        ("node[1-9]", "node7", False),
        ("[*]:2222", "[a]:2222", True),
        ("!frontend", "other", False),
        ("|1|broken", "frontend", False),
        ("|1|AAAA|not base64!", "frontend", False),
    ],
)
def test_names(tmp_path, hosts, name, matches):
    assert bool(found(tmp_path, f"{hosts} ssh-ed25519 AAAAed\n", name).accepted) is matches


def test_hashed_names(tmp_path):
    path = tmp_path / "known"
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIDZrNlqEUZcrZkpCkYMpsZIuNQWTDcVHxpR0Ck1cMR4F"
    path.write_text(f"frontend ssh-ed25519 {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    assert path.read_text().startswith("|1|")
    assert lookup([str(path)], ["frontend"]).accepted == {("ssh-ed25519", key)}
    assert lookup([str(path)], ["other"]) == KnownKeys()


def test_markers_comments_and_rubbish(tmp_path):
    text = (
        "# a comment\n\nfrontend\nfrontend ssh-ed25519\n"
        "@cert-authority *.example.org ssh-ed25519 AAAAca\n"
        "@revoked frontend ssh-rsa AAAArsa\n"
        "@unknown frontend ssh-dss AAAAdss\n"
        "frontend ssh-ed25519 AAAAed a comment\n"
    )
    assert found(tmp_path, text, "frontend") == KnownKeys(frozenset({ED}), frozenset({RSA}))
    assert found(tmp_path, text, "a.example.org") == KnownKeys(authorities=True)


def test_files_add_up_and_may_be_missing(tmp_path):
    (tmp_path / "a").write_text("h ssh-ed25519 AAAAed\n")
    (tmp_path / "b").write_bytes(b"h ssh-rsa AAAArsa\n\xff\xfe\n")
    files = [str(tmp_path / name) for name in ("a", "missing", "b")]
    assert lookup(files, ["h"]).accepted == {ED, RSA}
    assert lookup(files, ["h"]).types == ["ssh-ed25519", "ssh-rsa"]


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (ED, KeyVerdict.MATCHES),
        (("ssh-ed25519", "AAAAother"), KeyVerdict.CHANGED),
        (("ecdsa-sha2-nistp256", "AAAAec"), KeyVerdict.UNKNOWN),
        (RSA, KeyVerdict.REVOKED),
    ],
)
def test_verdicts(shown, verdict):
    # A revoked key never passes, not even one that is listed as good as well.
    known = KnownKeys(frozenset({ED, RSA}), frozenset({RSA}))
    assert known.judge(*shown) is verdict


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("Frontend", 22, None), ["frontend"]),
        (("frontend", 2222, None), ["[frontend]:2222", "frontend"]),
        (("frontend", 2222, "The-Alias"), ["The-Alias"]),
    ],
)
def test_the_names_of_a_host(arguments, names):
    assert host_names(*arguments) == names
