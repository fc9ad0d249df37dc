"""Connection files of this machine."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import remote_http_launcher as launcher

from rhl_helpers.client import ConnectionFile, MalformedFile
from rhl_helpers.client_files import client_folder, read_files, remove_file, write_file
from rhl_helpers.local_client import LocalClient

TUNNELED = {
    "hostname": "localhost",
    "port": 8000,
    "tunneled-host": "frontend",
    "tunneled-port": 60757,
    "tunneled-network-interface": "10.0.0.1",
    "dashboard_port": 8001,
    "tunneled-dashboard_port": 60758,
    "parameters": {"a_port": 1},
    "meta": {},
}


def put(folder: Path, name: str, content: bytes | str | dict) -> None:
    if isinstance(content, dict):
        content = json.dumps(content)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


class TestReading:
    def test_a_tunneled_service(self, tmp_path):
        put(tmp_path, "k.json", TUNNELED)
        assert read_files(tmp_path) == {
            "k": ConnectionFile(
                "k",
                "localhost",
                8000,
                tunneled_host="frontend",
                tunneled_port=60757,
                extra={"dashboard_port": 8001},
                tunneled_extra={"dashboard_port": 60758},
            )
        }

    def test_a_direct_one(self, tmp_path):
        put(tmp_path, "k.json", {"hostname": "node", "port": 1, "ssh_hostname": "n", "dashboard-port": 2})
        assert read_files(tmp_path)["k"] == ConnectionFile(
            "k", "node", 1, extra={"dashboard-port": 2}, tunneled_extra={}
        )

    def test_one_marked_stale(self, tmp_path):
        put(tmp_path, "k.json", {**TUNNELED, "status": "stale"})
        assert read_files(tmp_path)["k"].stale

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("", "Expecting value"),
            ("[]", "not a JSON object"),
            (b"\xff\xfe\x00", "decode"),
            ("[" * 100_000, "recursion"),
            ({"port": 1}, "names no host"),
            ({"hostname": 5, "port": 1}, "names no host"),
            ({"hostname": "", "port": 1}, "names no host"),
            ({"hostname": "h"}, "names no port"),
            ({"hostname": "h", "port": True}, "names no port"),
            ({"hostname": "h", "port": "8000"}, "names no port"),
            ({"hostname": "h", "port": 70000}, "names no port"),
            (b"x" * 2_000_000, "larger than"),
        ],
    )
    def test_what_cannot_be_one_is_malformed_and_hides_no_other(self, tmp_path, content, reason):
        put(tmp_path, "bad.json", content)
        put(tmp_path, "good.json", TUNNELED)
        found = read_files(tmp_path)
        assert isinstance(found["bad"], MalformedFile)
        assert reason in found["bad"].reason
        assert isinstance(found["good"], ConnectionFile)

    def test_a_directory_is_malformed(self, tmp_path):
        (tmp_path / "k.json").mkdir()
        assert "directory" in read_files(tmp_path)["k"].reason

    def test_what_is_no_connection_file_is_left_out(self, tmp_path):
        for name in ("k.tmp", "conda-setup.json", "k.log", "a b.json", ".k.json.tmp"):
            put(tmp_path, name, TUNNELED)
        (tmp_path / "server").mkdir()
        assert read_files(tmp_path) == {}

    def test_no_folder_holds_no_files(self, tmp_path):
        assert read_files(tmp_path / "missing") == {}

    def test_a_folder_that_is_none_is_an_error(self, tmp_path):
        put(tmp_path, "x", "")
        with pytest.raises(NotADirectoryError):
            read_files(tmp_path / "x")


class TestWriting:
    def test_whole_private_and_readable(self, tmp_path):
        write_file(tmp_path / "new", "k", TUNNELED)
        path = tmp_path / "new" / "k.json"
        assert json.loads(path.read_text()) == TUNNELED
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [each.name for each in path.parent.iterdir()] == ["k.json"]

    def test_one_that_fails_leaves_the_old_one(self, tmp_path):
        write_file(tmp_path, "k", TUNNELED)
        with pytest.raises(TypeError):
            write_file(tmp_path, "k", {"port": object()})
        assert json.loads((tmp_path / "k.json").read_text()) == TUNNELED
        assert len(list(tmp_path.iterdir())) == 1

    def test_removing(self, tmp_path):
        write_file(tmp_path, "k", TUNNELED)
        remove_file(tmp_path, "k")
        remove_file(tmp_path, "k")
        assert read_files(tmp_path) == {}

    @pytest.mark.parametrize("key", ["../x", "a/b", "", "a b", "x\n", "é"])
    def test_a_key_that_is_no_file_name_is_refused(self, tmp_path, key):
        with pytest.raises(ValueError, match="not a service key"):
            write_file(tmp_path, key, TUNNELED)
        with pytest.raises(ValueError, match="not a service key"):
            remove_file(tmp_path, key)


class TestWhereTheyAre:
    @pytest.mark.parametrize("variable", [None, "", "own"])
    def test_where_the_seamless_client_looks(self, tmp_path, monkeypatch, variable):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("REMOTE_HTTP_LAUNCHER_DIR", raising=False)
        if variable is not None:
            monkeypatch.setenv("REMOTE_HTTP_LAUNCHER_DIR", variable and str(tmp_path / variable))
        assert client_folder() == launcher._default_client_directory()

    def test_the_client_reads_and_writes_there(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REMOTE_HTTP_LAUNCHER_DIR", str(tmp_path / "own"))
        client = LocalClient()
        client.write_file("k", TUNNELED)
        assert (tmp_path / "own" / "k.json").exists()
        assert set(client.files()) == {"k"}
        client.remove_file("k")
        assert client.files() == {}
