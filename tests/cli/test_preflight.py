"""What `axiomd serve` looks at before it starts: everything that is wrong is said at once."""

import json
import os
import socket

import lmdb
import pytest

from axiomd.cli.exits import Exit
from axiomd.store.env import FORMAT, stored_format
from axiomd.store.keys import META


def refused(run, *words, code=Exit.USAGE):
    """The error of a start that is refused, as JSON."""
    return json.loads(run("serve", *words, "--json", code=code).stderr)


def write_config(tmp_path, text):
    (tmp_path / "box.toml").write_text(text)
    return "--config", tmp_path / "box.toml"


def paths(error):
    return [problem["path"] for problem in error["problems"]]


def test_everything_that_is_wrong_is_said_at_once(run, tmp_path, monkeypatch):
    config = write_config(
        tmp_path,
        "[engine]\nslots = 0\nnode_timeout_s = 'long'\nslotz = 1\n[serverr]\nx = 1\n"
        "[server]\nkeep_alive_s = 1000\nstop_grace_s = -1\n",
    )
    monkeypatch.setenv("AXIOMD_LOG_LEVEL", "loud")
    monkeypatch.setenv("AXIOMD_STORE_SYNC", "perhaps")
    monkeypatch.setenv("AXIOMD_ENGINE_SLOTZ", "1")
    error = refused(run, *config)
    assert sorted(paths(error)) == [
        "AXIOMD_ENGINE_SLOTZ",
        "AXIOMD_STORE_SYNC",
        "engine.node_timeout_s",
        "engine.slots",
        "engine.slotz",
        "log.level",
        "server.keep_alive_s",
        "server.stop_grace_s",
        "serverr",
    ]
    by_path = {problem["path"]: problem for problem in error["problems"]}
    assert "did you mean 'slots'" in by_path["engine.slotz"]["message"]
    assert "did you mean 'server'" in by_path["serverr"]["message"]
    # What the environment has set is none of the file's.
    assert by_path["log.level"]["message"].endswith("(AXIOMD_LOG_LEVEL)")
    assert "file" not in by_path["log.level"]
    assert by_path["engine.slots"]["file"].endswith("box.toml")


def test_settings_that_contradict_each_other_or_the_box_are_said_at_once(run, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "file").write_text("")
        config = write_config(
            tmp_path,
            "[runners]\nprocesses_initial = 8\nprocesses_max = 4\nreadable = ['/nowhere/at/all']\n"
            "[environments]\nindex = true\n[server]\nhead_timeout_s = 100.0\n"
            "names = ['https://box.example']\n"
            "[store]\nmap_size_bytes = 1048576\n",
        )
        words = (*config, "--bind", address, "--data-dir", tmp_path / "file" / "data")
        for check in ((), ("--check",)):
            error = refused(run, *words, *check)
            said = [f"{problem['path']}: {problem['message']}" for problem in error["problems"]]
            assert [line.partition(":")[0] for line in said[:6]] == [
                "runners.processes_initial",
                "server.head_timeout_s",
                "environments.index",
                "store.map_size_bytes",
                "server.names[0]",
                "runners.readable[0]",
            ]
            assert "is not a directory" in said[6]
            assert f"Cannot listen on {address}" in said[7]
            assert len(said) == 8


def test_one_reason_alone_keeps_its_own_code(run, server, tmp_path):
    address = server.url.removeprefix("http://")
    taken = refused(run, "--bind", address, "--data-dir", tmp_path / "new")
    assert taken["code"] == "ADDRESS_UNUSABLE"
    assert not (tmp_path / "new").exists()
    busy = refused(run, "--bind", "127.0.0.1:0", "--data-dir", server.data_dir)
    assert busy["code"] == "DATA_DIR_BUSY"
    assert str(server.process.pid) in busy["error"]


def test_a_check_shows_every_setting_and_where_it_came_from(run, tmp_path, monkeypatch):
    config = write_config(tmp_path, "[engine]\nslots = 7\nnode_timeout_s = 9.0\n")
    monkeypatch.setenv("AXIOMD_ENGINE_SLOTS", "8")
    words = ("serve", *config, "--data-dir", tmp_path / "d", "--bind", "127.0.0.1:0", "--check")
    shown = json.loads(run(*words, "--json").stdout)["settings"]
    assert shown["engine.slots"] == {"value": 8, "source": "AXIOMD_ENGINE_SLOTS"}
    assert shown["engine.node_timeout_s"] == {"value": 9.0, "source": str(tmp_path / "box.toml")}
    assert shown["server.bind"] == {"value": "127.0.0.1:0", "source": "--bind"}
    assert shown["store.data_dir"]["source"] == "--data-dir"
    assert shown["retention.days"] == {"value": 30.0, "source": "default"}
    assert not (tmp_path / "d").exists()
    monkeypatch.setenv("AXIOMD_TRACES_HEADERS", "authorization=Bearer%20hidden")
    assert "hidden" not in run(*words, "--json").stdout
    table = run(*words).output
    assert "hidden" not in table
    assert "(set)" in table
    assert "AXIOMD_ENGINE_SLOTS" in table
    assert "nothing is in the way of a start" in table


def store_of_format(directory, number):
    (directory / "store").mkdir(parents=True)
    with lmdb.open(str(directory / "store"), max_dbs=4) as environment:
        meta = environment.open_db(META.encode())
        with environment.begin(meta, write=True) as transaction:
            transaction.put(b"format", number)


def test_a_store_of_a_newer_format_is_refused_with_what_to_do(run, tmp_path):
    store_of_format(tmp_path / "d", str(FORMAT + 1).encode())
    error = refused(
        run, "--bind", "127.0.0.1:0", "--data-dir", tmp_path / "d", "--check", code=Exit.REFUSED
    )
    assert f"format {FORMAT + 1}, which a newer axiomd wrote" in error["error"]
    assert stored_format(tmp_path / "d") == FORMAT + 1


def test_an_older_format_and_a_new_directory_are_in_nobodys_way(run, tmp_path):
    store_of_format(tmp_path / "d", b"1")
    (tmp_path / "killed" / "store").mkdir(parents=True)
    (tmp_path / "killed" / "store" / "data.mdb").touch()
    for name in ("d", "new", "killed"):
        words = ("--bind", "127.0.0.1:0", "--data-dir", tmp_path / name)
        run("serve", *words, "--check")
    assert stored_format(tmp_path / "new") is None


@pytest.mark.parametrize("content", [b"no store", b"\0" * 20_000])
def test_what_is_no_store_is_refused_in_words(run, tmp_path, content):
    (tmp_path / "d" / "store").mkdir(parents=True)
    (tmp_path / "d" / "store" / "data.mdb").write_bytes(content)
    words = ("--bind", "127.0.0.1:0", "--data-dir", tmp_path / "d", "--check")
    assert "cannot be opened" in refused(run, *words)["error"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_not_writable_is_refused(run, tmp_path):
    (tmp_path / "d").mkdir(mode=0o500)
    words = ("--bind", "127.0.0.1:0", "--data-dir", tmp_path / "d")
    assert "is not writable" in refused(run, *words)["error"]
