"""Package content on disk: whole or not at all."""

import errno
import os
import sys

import pytest

from axiomd.errors import NotFound, StoreFull
from axiomd.runners.environment import PackageFiles

FILES = {"nodes/a.py": b"A", "gen/deep/er.py": b"", "axiom.yaml": b"name: a/b"}


def test_installed_content_is_complete_and_runs_in_our_interpreter(tmp_path, monkeypatch):
    monkeypatch.setenv("AXIOMD_API_KEY", "secret")
    packages = PackageFiles(tmp_path / "packages")
    assert packages.missing("abc")
    packages.install("abc", FILES)
    assert not packages.missing("abc")
    code = packages.code("abc")
    assert {path: (code.directory / path).read_bytes() for path in FILES} == FILES
    assert code.interpreter == sys.executable
    assert "PATH" in code.environment
    assert "secret" not in code.environment.values()


def test_installing_again_changes_nothing_and_leaves_nothing(tmp_path):
    packages = PackageFiles(tmp_path)
    packages.install("abc", FILES)
    packages.install("abc", {"axiom.yaml": b"other"})
    assert (tmp_path / "abc/axiom.yaml").read_bytes() == FILES["axiom.yaml"]
    assert [path.name for path in tmp_path.iterdir()] == ["abc"]


def test_an_interrupted_install_is_not_there(tmp_path):
    packages = PackageFiles(tmp_path)
    with pytest.raises(FileExistsError):
        packages.install("abc", {"a": b"", "a/b": b""})
    assert packages.missing("abc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", "a\0"])
def test_a_path_out_of_the_package_is_refused(tmp_path, path):
    with pytest.raises(ValueError, match="not a path inside"):
        PackageFiles(tmp_path / "p").install("abc", {path: b""})


@pytest.mark.parametrize("digest", ["", "..", "a/b", ".new-x", "A"])
def test_a_digest_that_is_no_name_is_refused(tmp_path, digest):
    with pytest.raises(ValueError, match="not a digest"):
        PackageFiles(tmp_path).code(digest)


def test_missing_content_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        PackageFiles(tmp_path).code("abc")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_disk_without_room_is_a_full_store_and_nothing_is_installed(
    tmp_path, monkeypatch, number
):
    def no_room(descriptor):
        raise OSError(number, os.strerror(number))

    packages = PackageFiles(tmp_path)
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StoreFull):
        packages.install("abc", FILES)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    packages.install("abc", FILES)
    assert not packages.missing("abc")


def test_what_a_killed_process_left_half_installed_is_removed(tmp_path):
    packages = PackageFiles(tmp_path / "packages")
    packages.remove_drafts()
    packages.install("abc", FILES)
    (tmp_path / "packages/.new-x/gen").mkdir(parents=True)
    (tmp_path / "packages/.new-x/gen/a.py").write_bytes(b"half")
    packages.remove_drafts()
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["abc"]
