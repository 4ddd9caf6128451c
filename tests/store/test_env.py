"""Who may have the store, and which stores are read."""

import os

import lmdb
import pytest
from worlds.rows import put_rows

from axiomd.errors import DataDirBusy, StoreFailed, StoreFull
from axiomd.settings import StoreSettings
from axiomd.store.env import FORMAT, count_boot, lock_data_dir, open_store
from axiomd.store.keys import META, TABLES

SETTINGS = StoreSettings(map_size_bytes=2**22, sync=False)


def test_a_second_server_on_a_data_directory_is_refused_by_name(tmp_path):
    with lock_data_dir(tmp_path / "new"):
        with (
            pytest.raises(DataDirBusy, match=f"process {os.getpid()}"),
            lock_data_dir(tmp_path / "new"),
        ):
            pass
        with lock_data_dir(tmp_path / "other"):
            pass
    with lock_data_dir(tmp_path / "new"):
        pass


def test_a_lock_file_left_behind_locks_nobody_out(tmp_path):
    (tmp_path / "axiomd.lock").write_text("999999999999")
    with lock_data_dir(tmp_path):
        assert (tmp_path / "axiomd.lock").read_text() == str(os.getpid())


def test_a_store_is_made_and_opened_again(tmp_path):
    for boots in (1, 2, 3):
        with open_store(SETTINGS, tmp_path) as store:
            assert set(store.tables) == set(TABLES)
            assert count_boot(store) == boots


def test_a_store_of_another_format_is_refused(tmp_path):
    with open_store(SETTINGS, tmp_path) as store:
        put_rows(store, (META, b"format", str(FORMAT + 1).encode()))
    with pytest.raises(StoreFailed, match=f"format {FORMAT + 1}"), open_store(SETTINGS, tmp_path):
        pass


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "data.mdb").write_bytes(b"no store" * 4096)
    with pytest.raises(StoreFailed, match="cannot be opened"), open_store(SETTINGS, tmp_path):
        pass


def test_an_error_inside_a_write_writes_nothing(tmp_path):
    def put_and_break(transaction):
        transaction.put(b"k", b"v", db=store.tables[META])
        raise ZeroDivisionError

    with open_store(SETTINGS, tmp_path) as store:
        with pytest.raises(ZeroDivisionError):
            store.transact(put_and_break)
        with store.read() as transaction:
            assert transaction.get(b"k", db=store.tables[META]) is None


@pytest.mark.parametrize("words", ["put: File too large", "put: Disk quota exceeded"])
def test_a_disk_without_room_is_full_and_not_broken(tmp_path, words):
    def fail(said):
        raise lmdb.Error(said)

    with open_store(SETTINGS, tmp_path) as store:
        with pytest.raises(StoreFull):
            store.transact(lambda _: fail(words))
        with pytest.raises(StoreFailed):
            store.transact(lambda _: fail("put: Input/output error"))
