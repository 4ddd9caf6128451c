"""The store's map: it grows when it is full, and never under anybody's feet."""

import subprocess
import sys
import threading

import pytest
from worlds.rows import ballast, commit_now, new_execution, open_writing

from axiomd.errors import StoreFull
from axiomd.execution.journal import Payload
from axiomd.limits import MAP_STEP_BYTES_MAX, MIB
from axiomd.settings import StoreSettings
from axiomd.store import commit as commits
from axiomd.store import keys, room
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import write_now

UNBOUND = StoreSettings(map_size_bytes=0, sync=False)


@pytest.fixture(autouse=True)
def tiny_start(monkeypatch):
    monkeypatch.setattr(room, "MAP_START_BYTES", MIB)


def size_of(store):
    return store.environment.info()["map_size"]


def test_a_full_map_grows_and_no_commit_of_the_batch_is_lost(tmp_path):
    with open_writing(tmp_path, map_size_bytes=0) as (store, writer):
        assert size_of(store) == MIB
        tickets = [writer.submit(ballast(f"{n}", 60_000)) for n in range(40)]
        tickets += [
            writer.submit(commits.accept(new_execution(n), Payload(1, b"x"))) for n in range(40)
        ]
        commit_now(writer)
        assert [ticket._error for ticket in tickets] == [None] * 80
        assert size_of(store) >= 4 * MIB
        assert len(Reader(store).drafts("tenant", 100).rows) == 40


def test_one_batch_may_need_several_steps(tmp_path):
    with open_writing(tmp_path, map_size_bytes=0) as (store, writer):
        ticket = writer.submit(ballast("large", 20 * MIB))
        commit_now(writer)
        assert ticket._error is None
        assert size_of(store) == 32 * MIB


def test_a_map_grows_up_to_its_bound_and_no_further(tmp_path):
    with open_writing(tmp_path, map_size_bytes=3 * MIB) as (store, writer):
        fits = writer.submit(ballast("fits", 2 * MIB))
        commit_now(writer)
        over = writer.submit(ballast("over", 2 * MIB))
        commit_now(writer)
        assert (fits._error, type(over._error)) == (None, StoreFull)
        assert size_of(store) == 3 * MIB
        again = writer.submit(ballast("small", 1000))
        commit_now(writer)
        assert again._error is None


def test_a_map_that_the_machine_cannot_give_is_refused_and_the_old_one_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_is_to_be_had", lambda size: size <= 2 * MIB)
    with open_store(UNBOUND, tmp_path) as store:
        write_now(store, ballast("fits", MIB))
        with pytest.raises(StoreFull):
            write_now(store, ballast("over", 2 * MIB))
        assert size_of(store) == 2 * MIB
        assert Reader(store).draft("tenant", "fits").name == "fits"


def test_address_space_is_asked_for_before_the_map_is_moved():
    assert room._is_to_be_had(MAP_STEP_BYTES_MAX)
    assert not room._is_to_be_had(2**62)


def test_readers_on_every_thread_are_never_disturbed_by_growth(tmp_path):
    """Readers hold rows while the writer grows the map again and again."""
    with open_writing(tmp_path, map_size_bytes=0) as (store, writer):
        reader, stop, wrong = Reader(store), threading.Event(), []
        write_now(store, ballast("first", 1000))

        def read():
            while not stop.is_set():
                try:
                    for draft in reader.drafts("tenant", 20).rows:
                        assert set(draft.document) == {"="}
                except BaseException as failure:  # noqa: BLE001 - whatever it is, it is told
                    wrong.append(failure)
                    return

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(200):
            writer.submit(ballast(f"{number}", 200_000))
            commit_now(writer)
        stop.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert size_of(store) >= 32 * MIB


BESIDE = """
import sys
from pathlib import Path
from axiomd.settings import StoreSettings
from axiomd.store import room
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import write_now
from worlds.rows import ballast

room.MAP_START_BYTES = 2**20
with open_store(StoreSettings(map_size_bytes=0, sync=False), Path(sys.argv[1])) as store:
    print("open", flush=True)
    for line in sys.stdin:
        what, name = line.split()
        if what == "write":
            write_now(store, ballast(name, 3 * 2**20))
        print(len(Reader(store).drafts("tenant", 100).rows), flush=True)
"""


def test_a_map_that_another_process_made_larger_is_taken_over_both_ways(tmp_path):
    with (
        open_store(UNBOUND, tmp_path) as store,
        subprocess.Popen(
            [sys.executable, "-c", BESIDE, str(tmp_path)],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as beside,
    ):
        assert beside.stdin is not None
        assert beside.stdout is not None
        assert beside.stdout.readline() == "open\n"
        rows = 0
        for _ in range(4):
            for ask in ("write", "read"):
                beside.stdin.write(f"{ask} theirs{rows}\n")
                beside.stdin.flush()
                rows += ask == "write"
                assert int(beside.stdout.readline()) == rows
                assert len(Reader(store).drafts("tenant", 100).rows) == rows
            write_now(store, ballast(f"ours{rows}", 3 * MIB))
            rows += 1
        beside.stdin.close()
    assert size_of_file(tmp_path) > 8 * 3 * MIB


def size_of_file(directory):
    return (directory / "store" / "data.mdb").stat().st_size


def test_a_store_that_has_grown_is_opened_whole(tmp_path):
    with open_store(UNBOUND, tmp_path) as store:
        for number in range(5):
            write_now(store, ballast(f"{number}", 3 * MIB))
    for read_only in (True, False):
        with open_store(UNBOUND, tmp_path, read_only=read_only) as store:
            assert len(Reader(store).drafts("tenant", 100).rows) == 5
            with store.read() as transaction:
                assert transaction.stat(store.tables[keys.DRAFTS])["entries"] == 5
