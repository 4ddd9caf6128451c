"""A package's files as one value: read from a directory, packed for the wire, unpacked again.

Owns which files belong to a package and the digest that names its content. Promises that the
digest depends on paths and contents alone (not on the archive, times or modes), and that no
archive can reach outside, unpack to more than the limits, or hold anything but plain files.
"""

import hashlib
import io
import itertools
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import attrs

from axiomd.errors import Invalid, Malformed, Problem, Refused, TooLarge
from axiomd.limits import PACKAGE_BYTES_MAX, PACKAGE_FILES_MAX, PROBLEMS_MAX

PATH_CHARS_MAX = 240
"""Of one file's path within its package."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_MODE = (stat.S_IFREG | 0o644) << 16
_ENCRYPTED = 0x1
_UTF_8 = 0x800
_END, _END_BYTES = b"PK\x05\x06", 22
"""The record that ends an archive and says where its listing is; a comment may follow it."""
_END_BYTES_MAX = _END_BYTES + 0xFFFF
_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20
_ENTRY_BYTES = 46
"""Of one entry in the listing, beside its name, its extra fields and its comment."""
_LENGTHS_AT = (28, 30, 32)
_TOP_LEFT_OUT = frozenset({"gen", "build", "dist", "venv", "env", "htmlcov"})
_LEFT_OUT = frozenset({"__pycache__", "node_modules"})
_PATH_PART = re.compile(r"[^\x00-\x1f\x7f/\\\ud800-\udfff]+")


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256, as hex, over the sorted paths and the SHA-256 of each content."""
    total = hashlib.sha256()
    for path in sorted(files):
        name = path.encode()
        total.update(len(name).to_bytes(4, "big") + name)
        total.update(hashlib.sha256(files[path]).digest())
    return total.hexdigest()


@attrs.frozen(eq=False)
class Bundle:
    """The files of one package; those that do not belong to it are left out already."""

    files: Mapping[str, bytes] = attrs.field(repr=False)
    """Path with `/` to content."""
    digest: str = attrs.field(init=False)
    """What names this content, 64 hex characters."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "digest", digest_of(self.files))


def belongs(path: str) -> bool:
    """Whether a file at `path` is part of a package: not generated, hidden, cached or built."""
    parts = PurePosixPath(path).parts
    return (
        not any(part.startswith(".") or part in _LEFT_OUT for part in parts)
        and not (len(parts) > 1 and parts[0] in _TOP_LEFT_OUT)
        and not any(part.endswith(".egg-info") for part in parts[:-1])
        and not path.endswith((".pyc", ".pyo"))
    )


def read_directory(directory: Path) -> Bundle:
    """The package in `directory`, or Malformed, Invalid (links and the like) or TooLarge."""
    if not directory.is_dir():
        raise Malformed(f"{directory} is not a directory")
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    room = PACKAGE_BYTES_MAX
    for path in _directory_files(directory):
        name = path.relative_to(directory).as_posix()
        wrong = _path_problem(name) or _kind_problem(path)
        if wrong is not None:
            problems.append(Problem("", wrong, _printable(name)))
            continue
        _require_room(len(files) + 1, room)
        try:
            with path.open("rb") as file:
                files[name] = file.read(room + 1)
        except OSError as failure:
            problems.append(Problem("", f"cannot be read: {failure.strerror}", name))
            continue
        room -= len(files[name])
        _require_room(len(files), room)
    problems += _collisions(files)
    if problems:
        raise Invalid("the package cannot be read", problems=problems[:PROBLEMS_MAX])
    return Bundle(files)


def _directory_files(directory: Path) -> Iterator[Path]:
    """Every path that belongs, sorted; virtual environments are known by their pyvenv.cfg."""
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        kept = []
        for name in sorted(folders):
            below = (here / name).relative_to(directory).as_posix()
            if not belongs(f"{below}/file") or (here / name / "pyvenv.cfg").exists():
                continue
            if (here / name).is_symlink():
                yield here / name
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            if belongs((here / name).relative_to(directory).as_posix()):
                yield here / name


def _kind_problem(path: Path) -> str | None:
    if path.is_symlink():
        return "is a symbolic link; a package holds plain files only"
    return None if path.is_file() else "is not a plain file"


def _path_problem(path: str) -> str | None:
    parts = path.split("/")
    if not all(_PATH_PART.fullmatch(part) and part not in (".", "..") for part in parts):
        return "is not a plain relative path"
    if len(path) > PATH_CHARS_MAX:
        return f"has a path of more than {PATH_CHARS_MAX} characters"
    return None


def _collisions(paths: Iterable[str]) -> Iterator[Problem]:
    """Files that other file systems, or other eyes, would take for one."""
    seen: dict[str, str] = {}
    for path in sorted(paths):
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if folded in seen:
            yield Problem("", f"differs from {seen[folded]} in case or accents only", path)
        seen.setdefault(folded, path)


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()[:PATH_CHARS_MAX]


def _require_room(count: int, room: int) -> None:
    if count > PACKAGE_FILES_MAX:
        raise TooLarge(f"the package has more than {PACKAGE_FILES_MAX} files")
    if room < 0:
        raise TooLarge(f"the package is larger than {PACKAGE_BYTES_MAX} bytes unpacked")


def pack(bundle: Bundle) -> bytes:
    """`bundle` as a zip archive; the same files make the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(bundle.files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = _PLAIN_MODE
            entry.create_system = 3
            target.writestr(entry, bundle.files[path], zipfile.ZIP_DEFLATED, 6)
    return archive.getvalue()


def unpack(archive: bytes) -> Bundle:
    """The package in a zip archive, or Malformed, Invalid or TooLarge; nothing is written.

    Files that do not belong to a package are left out, as they are of a directory.
    """
    try:
        _require_few_entries(archive)
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            return Bundle(_entries(source))
    except Refused:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError) as failure:
        raise Malformed(f"the package is not a readable zip archive: {failure}") from None


def _require_few_entries(archive: bytes) -> None:
    """Refuse a listing that is too long before a library makes an object of each of its entries."""
    end = archive.rfind(_END, max(0, len(archive) - _END_BYTES_MAX))
    if archive[-_END_BYTES:].startswith(_END) and archive.endswith(b"\0\0"):
        end = len(archive) - _END_BYTES
    if end < 0 or len(archive) < end + _END_BYTES:
        raise Malformed("the package is not a readable zip archive: it has no listing")
    if archive[max(0, end - _LOCATOR_BYTES) : end].startswith(_LOCATOR):
        raise Malformed("the package is a zip64 archive, which no package needs; use plain zip")
    at = end - int.from_bytes(archive[end + 12 : end + 16], "little")
    for count in itertools.count():
        if not 0 <= at < end:
            return
        if count > PACKAGE_FILES_MAX:
            _require_room(count, PACKAGE_BYTES_MAX)
        lengths = (archive[at + place : at + place + 2] for place in _LENGTHS_AT)
        at += _ENTRY_BYTES + sum(int.from_bytes(length, "little") for length in lengths)


def _entries(source: zipfile.ZipFile) -> dict[str, bytes]:
    listed = source.infolist()
    _require_room(len(listed), PACKAGE_BYTES_MAX)
    problems = list(_entry_problems(listed))
    if problems:
        raise Invalid("the package archive is not acceptable", problems=problems[:PROBLEMS_MAX])
    wanted = [entry for entry in listed if not entry.is_dir() and belongs(entry.filename)]
    _require_room(len(wanted), PACKAGE_BYTES_MAX - sum(entry.file_size for entry in wanted))
    files: dict[str, bytes] = {}
    room = PACKAGE_BYTES_MAX
    for entry in wanted:
        # The declared size may lie: read one byte more than it, or than there is room for.
        with source.open(entry) as file:
            files[entry.filename] = file.read(min(room, entry.file_size) + 1)
        room -= len(files[entry.filename])
        _require_room(len(files), room)
    return files


def _entry_problems(listed: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    seen: set[str] = set()
    for entry in listed:
        # As it was written: the library cuts a name at its first NUL.
        given = entry.orig_filename
        path = given.removesuffix("/") if given.endswith("/") else given
        wrong = _path_problem(path) or _entry_problem(entry)
        if wrong is None and path in seen:
            wrong = "is in the archive twice"
        if wrong is not None:
            yield Problem("", wrong, _printable(path))
        seen.add(path)
    plain = {entry.filename for entry in listed if not entry.is_dir()}
    yield from _collisions(plain)
    for path in sorted(plain):
        for parent in PurePosixPath(path).parents:
            if str(parent) in plain:
                yield Problem("", f"lies below the file {_printable(str(parent))}", path)


def _entry_problem(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is not a plain file; a package holds plain files only"
    if kind and (kind == stat.S_IFDIR) != entry.is_dir():
        return "says both that it is a directory and that it is a file"
    if not entry.orig_filename.isascii() and not entry.flag_bits & _UTF_8:
        return "has a name in an unknown encoding; a package's names are UTF-8"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way; use deflate"
    return None
