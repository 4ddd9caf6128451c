"""Large payloads: durable before they are named, whole or refused."""

import errno
import hashlib
import os
import random
import threading
from pathlib import Path

import pytest

from axiomd.errors import StoreFailed, StoreFull
from axiomd.execution.journal import Payload
from axiomd.limits import INLINE_BYTES_MAX
from axiomd.store.blobs import Blobs

LARGE = b"x" * (INLINE_BYTES_MAX + 1)


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs")


def files(blobs):
    return [path for path in blobs.root.rglob("*") if path.is_file()]


def test_what_is_small_stays_inline(blobs):
    small = b"x" * INLINE_BYTES_MAX
    assert blobs.keep(small) == Payload(len(small), small)
    assert blobs.get(Payload(0, b"")) == b""
    assert not blobs.root.exists()


def test_what_is_large_is_a_file_named_by_its_content(blobs):
    payload = blobs.keep(LARGE)
    assert (payload.size, payload.inline) == (len(LARGE), None)
    assert payload.blob == hashlib.sha256(LARGE).digest()
    assert blobs.get(payload) == LARGE
    assert [path.name for path in files(blobs)] == [payload.blob.hex()]


def test_the_same_content_is_stored_once(blobs):
    first = blobs.keep(LARGE)
    (path,) = files(blobs)
    before = path.stat().st_ino
    assert blobs.keep(LARGE) == first
    assert path.stat().st_ino == before


def test_a_blob_and_its_name_are_on_disk_before_it_is_handed_out(blobs, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    payload = blobs.keep(LARGE)
    directory = blobs.root / payload.blob.hex()[:2]
    assert synced[0].parent == blobs.root / ".drafts"
    assert set(synced[1:]) == {directory, blobs.root}
    synced.clear()
    blobs.keep(LARGE)
    assert set(synced) == {directory, blobs.root}, "whoever wrote it may have died before this"


def test_a_missing_blob_is_said_to_be_missing(blobs):
    payload = blobs.keep(LARGE)
    files(blobs)[0].unlink()
    with pytest.raises(StoreFailed, match="missing"):
        blobs.get(payload)


@pytest.mark.parametrize("damage", [b"", LARGE[:-1], b"y" + LARGE[1:]])
def test_a_damaged_blob_is_never_handed_out(blobs, damage):
    payload = blobs.keep(LARGE)
    files(blobs)[0].write_bytes(damage)
    with pytest.raises(StoreFailed, match="damaged"):
        blobs.get(payload)


def test_a_full_disk_leaves_nothing_half_written(blobs, monkeypatch):
    def no_room(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StoreFull):
        blobs.keep(LARGE)
    assert files(blobs) == []
    monkeypatch.undo()
    assert blobs.get(blobs.keep(LARGE)) == LARGE


def test_what_a_killed_process_left_half_written_is_removed(blobs):
    payload = blobs.keep(LARGE)
    (blobs.root / ".drafts" / "half").write_bytes(b"x")
    blobs.remove_drafts()
    assert [path.name for path in files(blobs)] == [payload.blob.hex()]
    assert blobs.get(blobs.keep(LARGE + b"y")) == LARGE + b"y"


# -- what nothing names -----------------------------------------------------------------------


def named(_):
    return True


def unnamed(_):
    return False


def test_a_blob_stays_while_its_payload_is_held_and_goes_when_nobody_does(blobs):
    payload = blobs.put(LARGE)
    assert not blobs.collect(payload.blob, unnamed)
    assert blobs.get(payload) == LARGE
    digest = payload.blob
    del payload
    assert blobs.collect(digest, unnamed)
    assert blobs.size(digest) is None


def test_a_blob_that_a_record_names_is_not_collected(blobs):
    digest = blobs.put(LARGE).blob
    assert not blobs.collect(digest, named)
    assert blobs.read(digest) == LARGE


def test_a_content_that_is_put_again_is_held_again(blobs):
    """Stored by one call, named by nobody: the second call finds the file and must keep it."""
    digest = blobs.put(LARGE).blob
    again = blobs.put(LARGE)
    assert again.blob == digest
    assert not blobs.collect(digest, unnamed)
    # Two that want it at a time have one payload between them, and each alone holds it.
    other = blobs.put(LARGE)
    del again
    assert not blobs.collect(digest, unnamed)
    assert other.blob == digest


def test_a_file_that_is_found_is_not_collected_before_it_is_handed_out(blobs, monkeypatch):
    """The collector comes at the one moment at which `put` relies on a file that is there."""
    digest = blobs.put(LARGE).blob
    real, collected = Path.exists, []

    def exists(path):
        there = real(path)
        if path.name == digest.hex():
            collected.append(blobs.collect(digest, unnamed))
        return there

    monkeypatch.setattr(Path, "exists", exists)
    payload = blobs.put(LARGE)
    monkeypatch.undo()
    assert collected == [False]
    assert blobs.get(payload) == LARGE


def test_names_and_collection_never_cross(blobs):
    """Threads put, name and forget the same contents while others collect them."""
    contents = [bytes([number]) * (INLINE_BYTES_MAX + 1) for number in range(3)]
    references, lost, stop = set(), [], threading.Event()

    def work(number):
        dice = random.Random(number)
        while not stop.is_set():
            payload = blobs.put(dice.choice(contents))
            references.add((payload.blob, number))
            digest = payload.blob
            del payload
            if blobs.size(digest) is None:
                lost.append(digest)
            references.discard((digest, number))

    def collect():
        while not stop.is_set():
            for digest in [hashlib.sha256(content).digest() for content in contents]:
                blobs.collect(digest, lambda one: any(one == blob for blob, _ in set(references)))

    object.__setattr__(blobs, "sync", False)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    threads += [threading.Thread(target=collect) for _ in range(2)]
    for thread in threads:
        thread.start()
    stop.wait(1.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert lost == []


def test_nobody_collects_while_another_copies(blobs):
    with blobs.pinned(), blobs.pinned(), blobs.collecting() as allowed:
        assert not allowed
    with blobs.collecting() as allowed:
        assert allowed
