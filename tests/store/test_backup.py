"""Backups: what is in them, and every way in which one can be damaged."""

import json

import pytest
from worlds.flows import BRANCHING
from worlds.invariants import broken_invariants
from worlds.rows import commit_now, new_execution, open_writing

from axiomd.errors import Invalid, NotFound, StoreFailed, WrongState
from axiomd.settings import StoreSettings
from axiomd.store import backup
from axiomd.store import commit as commits
from axiomd.store.backup import MANIFEST, back_up, restore
from axiomd.store.blobs import Blobs
from axiomd.store.env import FORMAT, open_store
from axiomd.store.reader import Reader

SETTINGS = StoreSettings(sync=False)
COUNT = 5


@pytest.fixture
def directory(tmp_path):
    """A data directory with executions, their blobs, an orphan, a key file and what is rebuilt."""
    home = tmp_path / "data"
    home.mkdir()
    blobs = Blobs(home / "blobs", sync=False)
    with open_writing(home) as (_, writer):
        for number in range(COUNT):
            payload = blobs.put(b"%d" % number * 70_000)
            writer.submit(commits.accept(new_execution(number), payload))
        commit_now(writer)
    blobs.put(b"orphan" * 20_000)
    (home / "axiomd.lock").write_text("1")
    (home / "secrets.key").write_bytes(b"secret")
    (home / "packages" / "digest").mkdir(parents=True)
    (home / "packages" / "digest" / "file").write_text("rebuilt")
    return home


def made(directory, destination):
    return back_up(SETTINGS, directory, destination, now_ns=10**18, version="1.2.3")


def tree(directory):
    files = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    return {name for name in files if (directory / name).is_file()}


def test_a_backup_holds_what_is_durable_and_nothing_else(directory, tmp_path):
    manifest = made(directory, tmp_path / "kept")
    assert (manifest.executions, manifest.blobs) == (COUNT, COUNT)
    files = {name for name in tree(tmp_path / "kept") if not name.startswith("blobs/")}
    assert files == {MANIFEST, "store/data.mdb", "secrets.key"}
    assert len(tree(tmp_path / "kept")) == COUNT + 3
    restored = restore(tmp_path / "kept", tmp_path / "new")
    assert restored == manifest
    blobs = tmp_path / "new" / "blobs"
    with open_store(SETTINGS, tmp_path / "new") as store:
        artifacts = {BRANCHING.artifact.graph_id: BRANCHING.artifact}
        assert broken_invariants(store, blobs, artifacts) == []
        for number in range(COUNT):
            identity = new_execution(number).execution_id
            (entry,) = Reader(store).journal(identity)
            assert Blobs(blobs).get(entry.payload) == b"%d" % number * 70_000
    assert (tmp_path / "new" / "secrets.key").read_bytes() == b"secret"


def test_a_restored_directory_may_be_there_already_if_it_is_empty(directory, tmp_path):
    made(directory, tmp_path / "kept")
    (tmp_path / "new").mkdir()
    restore(tmp_path / "kept", tmp_path / "new")
    for there in (tmp_path / "new", tmp_path / "kept" / MANIFEST):
        with pytest.raises(WrongState, match="not empty"):
            restore(tmp_path / "kept", there)


def blob_of(kept):
    return next(kept.glob("blobs/??/*"))


def rewrite(kept, **changes):
    told = json.loads((kept / MANIFEST).read_text())
    (kept / MANIFEST).write_text(json.dumps(told | changes))


DAMAGES = {
    "a store that was changed": (
        lambda kept: (kept / "store" / "data.mdb").write_bytes(b"no"),
        "store/data.mdb",
    ),
    "a store that is gone": (
        lambda kept: (kept / "store" / "data.mdb").unlink(),
        "store/data.mdb: is missing",
    ),
    "a key file that was changed": (
        lambda kept: (kept / "secrets.key").write_bytes(b"no"),
        "secrets.key",
    ),
    "a blob that was changed": (lambda kept: blob_of(kept).write_bytes(b"no"), "blobs/"),
    "a blob that is gone": (lambda kept: blob_of(kept).unlink(), "blobs"),
    "a blob too many": (lambda kept: Blobs(kept / "blobs").put(b"more" * 20_000), "blobs"),
    "a manifest cut short": (
        lambda kept: (kept / MANIFEST).write_text((kept / MANIFEST).read_text()[:99]),
        "manifest.json",
    ),
    "a manifest with more in it": (lambda kept: rewrite(kept, more=1), "more"),
    "a manifest that leads out of the directory": (
        lambda kept: rewrite(kept, files={"../../etc/passwd": "00"}),
        "is no file of a data directory",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_and_leaves_nothing_behind(directory, tmp_path, damage):
    made(directory, tmp_path / "kept")
    break_it, words = DAMAGES[damage]
    break_it(tmp_path / "kept")
    with pytest.raises(Invalid) as refused:
        restore(tmp_path / "kept", tmp_path / "new")
    assert any(words in str(problem) for problem in refused.value.problems)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "kept"}


@pytest.mark.parametrize("what", ["backup_format", "store_format"])
def test_a_backup_of_a_later_axiomd_is_refused(directory, tmp_path, what):
    made(directory, tmp_path / "kept")
    rewrite(tmp_path / "kept", **{what: max(backup.BACKUP_FORMAT, FORMAT) + 1})
    with pytest.raises(WrongState, match=r"written by axiomd 1\.2\.3"):
        restore(tmp_path / "kept", tmp_path / "new")


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_store_that_lacks_a_blob_is_not_backed_up_as_if_it_were_whole(directory, tmp_path, how):
    with open_store(SETTINGS, directory, read_only=True) as store:
        digest = next(backup._named(store))
    path = Blobs(directory / "blobs").path(digest)
    path.unlink() if how == "gone" else path.write_bytes(b"no")
    with pytest.raises(StoreFailed, match=digest.hex()):
        made(directory, tmp_path / "kept")
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_nothing_is_overwritten_and_nothing_comes_of_nothing(directory, tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(WrongState, match="not overwritten"):
        made(directory, tmp_path / "kept")
    with pytest.raises(NotFound, match="no axiomd store"):
        made(tmp_path / "nothing", tmp_path / "other")
    with pytest.raises(NotFound, match="no backup"):
        restore(tmp_path / "nothing", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_no_blob_is_collected_while_a_backup_copies(directory, tmp_path, monkeypatch):
    """The collector of a server comes between the snapshot and the copy of its blobs."""
    real, seen = backup._copy_blobs, []
    blobs = Blobs(directory / "blobs")

    def copy_blobs(*arguments):
        with blobs.collecting() as allowed:
            seen.append(allowed)
        return real(*arguments)

    monkeypatch.setattr(backup, "_copy_blobs", copy_blobs)
    made(directory, tmp_path / "kept")
    with blobs.collecting() as allowed:
        seen.append(allowed)
    assert seen == [False, True]
