"""One server for each data directory, settings that mean something, and files that come back."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
from system.box import Box, running
from system.lab import STEPS, compiled, prepare

from axiomd.store.env import FORMAT
from axiomd.store.keys import META, TABLES


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("owned") / "data") as box:
        prepare(box)
        yield box


def refused_start(box: Box) -> tuple[int, str]:
    """Exit code and words of a start that must not succeed."""
    box.log.unlink(missing_ok=True)
    process = box.launch()
    try:
        code = process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError("it started") from None
    return code, box.log.read_text()


def test_second_process_on_a_data_directory_is_refused_and_hurts_nobody(box: Box):
    steps = compiled(box, STEPS)
    with box.client() as user:
        identity = user.accepted(steps, {"ms": 300})
        user.started(identity, "one")
        second = Box(box.data_dir)
        second.log = box.data_dir.with_name("second.log")
        code, words = refused_start(second)
        assert code == 2
        assert str(box.pid) in words
        assert "--data-dir" in words
        assert "Traceback" not in words
        record = user.ended(identity)
        assert (record["status"], record["attempt"]) == ("COMPLETED", 1)
        assert not user.execution(identity, "/events?kind=node_lost")["events"]


def test_deleted_packages_directory_is_restored_from_the_store(box: Box):
    steps = compiled(box, STEPS)
    with box.client() as user:
        waiting = user.accepted(steps, {"ms": 1000})
        user.started(waiting, "one")
    box.kill()
    shutil.rmtree(box.data_dir / "packages")
    box.start()
    with box.client() as user:
        assert user.ended(waiting)["status"] == "COMPLETED"
        assert user.invoke(steps, {}, wait=True).json()["result"]["success"]


def test_address_that_is_taken_is_refused_in_words(tmp_path: Path):
    box = Box(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", box.port))
        taken.listen()
        code, words = refused_start(box)
    assert code == 2
    assert f"127.0.0.1:{box.port}" in words
    assert "Traceback" not in words


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"server_keep_alive_s": "soon"}, "AXIOMD_SERVER_KEEP_ALIVE_S"),
        ({"server_keep_aliv_s": 1}, "AXIOMD_SERVER_KEEP_ALIVE_S"),
        ({"engine_slots": 0}, "engine.slots: "),
        ({"log_level": "loud"}, "log.level"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(tmp_path: Path, settings, named):
    code, words = refused_start(Box(tmp_path / "data", **settings))
    assert code == 2
    assert named in words
    assert "Traceback" not in words


def test_data_directory_that_cannot_be_made_is_refused_in_words(tmp_path: Path):
    (tmp_path / "file").write_text("")
    box = Box(tmp_path / "file" / "data")
    box.log = tmp_path / "log"
    code, words = refused_start(box)
    assert code != 0
    assert str(tmp_path / "file") in words
    assert "Traceback" not in words


def test_store_of_another_format_is_refused(tmp_path: Path):
    directory = tmp_path / "data" / "store"
    directory.mkdir(parents=True)
    with lmdb.open(str(directory), max_dbs=len(TABLES)) as store:
        meta = store.open_db(META.encode())
        with store.begin(write=True) as transaction:
            transaction.put(b"format", str(FORMAT + 1).encode(), db=meta)
    code, words = refused_start(Box(tmp_path / "data"))
    assert code != 0
    assert f"format {FORMAT + 1}" in words
    assert "Traceback" not in words
