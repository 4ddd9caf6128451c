"""Stores of older formats: brought to this one, whenever the box dies on the way."""

import lmdb
import pytest
from worlds.invariants import rows
from worlds.old_format import as_format_1, as_format_4
from worlds.rows import commit_now, new_execution, open_writing

from axiomd.errors import StoreFailed
from axiomd.settings import StoreSettings
from axiomd.store import commit as commits
from axiomd.store import keys, upgrade
from axiomd.store.blobs import Blobs
from axiomd.store.commit import FrameRow, IdempotencyClaim, RowsCommit
from axiomd.store.env import FORMAT, Store, open_store
from axiomd.store.records import PackageRecord, encode_package

SETTINGS = StoreSettings(sync=False)
COUNT = 12


def fill(directory):
    """A store with something in every table; its rows."""
    blobs = Blobs(directory / "blobs", sync=False)
    with open_writing(directory) as (store, writer):
        for number in range(COUNT):
            execution = new_execution(number)
            claim = IdempotencyClaim(b"%32d" % number, b"b" * 32) if number % 2 else None
            payload = blobs.put(b"%d" % number * 70_000)
            writer.submit(commits.accept(execution, payload, claim, claimed=True))
            waiting = new_execution(COUNT + number, flow=f"tenant/flow-{number % 3}")
            writer.submit(commits.accept(waiting, payload))
            frames = (FrameRow(0, 0, payload), FrameRow(0, 1, blobs.put(b"frame" * 20_000)))
            writer.submit(commits.frames(execution.execution_id, 1, 1, frames))
            if number % 3:
                writer.submit(commits.cancel(execution.execution_id, 50 + number, "{}"))
        bundle = blobs.put(b"files").blob
        package = PackageRecord("a/b", "1", "d" * 64, "", b"", bundle, b"", 1)
        content = keys.content_key("tenant", "d" * 64)
        named = keys.named_by_package(bundle, content)
        puts = ((keys.PACKAGE_CONTENTS, content, encode_package(package)),)
        writer.submit(RowsCommit((*puts, (keys.BLOB_REFERENCES, named, b""))))
        commit_now(writer)
        return everything(store)


def everything(store):
    return {table: rows(store, table) for table in keys.TABLES if table != keys.META}


@pytest.mark.parametrize("age", [as_format_1, as_format_4])
def test_an_older_store_becomes_what_this_axiomd_would_have_written(tmp_path, age):
    wanted = fill(tmp_path)
    age(tmp_path)
    with open_store(SETTINGS, tmp_path, upgrade=upgrade.upgrade) as store:
        assert everything(store) == wanted
        assert dict(rows(store, keys.META))[b"format"] == str(FORMAT).encode()


@pytest.mark.parametrize(("age", "least"), [(as_format_1, 9), (as_format_4, 3)])
def test_an_upgrade_that_is_killed_at_any_transaction_is_finished_by_the_next(
    tmp_path, monkeypatch, age, least
):
    monkeypatch.setattr(upgrade, "UPGRADE_ROWS_MAX", 4)
    wanted = fill(tmp_path)

    class Died(Exception):
        pass

    deaths = 0
    for transactions in range(1000):
        age(tmp_path)
        real, left = Store.transact, [transactions]

        def transact(store, body, real=real, left=left):
            if not left[0]:
                raise Died
            left[0] -= 1
            return real(store, body)

        monkeypatch.setattr(Store, "transact", transact)
        try:
            with open_store(SETTINGS, tmp_path, upgrade=upgrade.upgrade):
                break
        except Died:
            deaths += 1
        finally:
            monkeypatch.setattr(Store, "transact", real)
        with (
            pytest.raises(StoreFailed, match=rf"format [1-{FORMAT - 1}],"),
            open_store(SETTINGS, tmp_path),
        ):
            pass
        with open_store(SETTINGS, tmp_path, upgrade=upgrade.upgrade) as store:
            assert everything(store) == wanted
    assert deaths > least


def test_only_who_holds_the_data_directory_upgrades(tmp_path):
    fill(tmp_path)
    as_format_1(tmp_path)
    for read_only in (True, False):
        with (
            pytest.raises(StoreFailed, match="`axiomd serve` brings it there"),
            open_store(SETTINGS, tmp_path, read_only=read_only),
        ):
            pass


def test_a_store_of_a_newer_format_is_refused_and_left_as_it_is(tmp_path):
    fill(tmp_path)
    with open_store(SETTINGS, tmp_path) as store:
        newer = str(FORMAT + 1).encode()
        store.transact(lambda t: t.put(b"format", newer, db=store.tables[keys.META]))
        wanted = everything(store)
    words = rf"format {FORMAT + 1}, which a newer axiomd wrote: this one reads format {FORMAT}"
    for upgrades in (None, upgrade.upgrade):
        with (
            pytest.raises(StoreFailed, match=words),
            open_store(SETTINGS, tmp_path, upgrade=upgrades),
        ):
            pass
    # Looked at without this axiomd's eyes: nothing was changed.
    with lmdb.open(str(tmp_path / "store"), max_dbs=64, readonly=True) as environment:
        meta = environment.open_db(b"me", create=False)
        with environment.begin(meta) as transaction:
            assert transaction.get(b"format") == newer
        assert rows_of(environment, keys.EXECUTIONS) == wanted[keys.EXECUTIONS]


def rows_of(environment, table):
    opened = environment.open_db(table.encode(), create=False)
    with environment.begin(opened) as transaction:
        return [(bytes(key), bytes(value)) for key, value in transaction.cursor()]


def test_every_format_before_this_one_has_its_step():
    assert sorted(upgrade.STEPS) == list(range(1, FORMAT))
