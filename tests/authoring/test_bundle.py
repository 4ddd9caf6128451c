"""A package as one value: what belongs to it, what names it, and what no archive may do."""

import io
import os
import stat
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest

from axiomd.authoring.bundle import Bundle, pack, read_directory, unpack
from axiomd.errors import Invalid, Malformed, Refused, TooLarge
from axiomd.limits import PACKAGE_BYTES_MAX, PACKAGE_FILES_MAX

FILES = {"axiom.yaml": b"name: a/b\n", "nodes/x.py": b"x = 1\n", "messages/messages.proto": b""}


def write(directory: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    return directory


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        warnings.simplefilter("ignore")
        for name, content in entries:
            target.writestr(name, content)
    return buffer.getvalue()


def test_a_directory_packs_and_unpacks_to_the_same_content(tmp_path):
    bundle = read_directory(write(tmp_path, FILES))
    assert dict(bundle.files) == FILES
    again = unpack(pack(bundle))
    assert (dict(again.files), again.digest) == (FILES, bundle.digest)


def test_the_same_files_make_the_same_archive(tmp_path):
    one = read_directory(write(tmp_path, FILES))
    other = Bundle(dict(reversed(FILES.items())))
    assert pack(one) == pack(other)


def test_the_digest_depends_on_content_and_paths_and_not_on_the_archive():
    stored = archive(*reversed(FILES.items()))
    assert unpack(stored).digest == Bundle(FILES).digest
    assert Bundle({**FILES, "nodes/x.py": b"x = 2\n"}).digest != Bundle(FILES).digest
    assert Bundle({"a": b"bc"}).digest != Bundle({"ab": b"c"}).digest


LEFT_OUT = (
    "gen/messages_pb2.py",
    ".git/config",
    ".env",
    "nodes/.hidden.py",
    "nodes/__pycache__/x.cpython-311.pyc",
    "nodes/x.pyc",
    "build/lib/x.py",
    "dist/x.whl",
    "venv/bin/python",
    "node_modules/x/index.js",
    "orders.egg-info/PKG-INFO",
)


def test_generated_hidden_cached_and_built_files_are_left_out(tmp_path):
    extra = {**FILES, **dict.fromkeys(LEFT_OUT, b"x"), "myenv/lib/x.py": b"", "nodes/gen/y.py": b""}
    directory = write(tmp_path, {**extra, "myenv/pyvenv.cfg": b""})
    kept = {**FILES, "nodes/gen/y.py": b""}
    assert dict(read_directory(directory).files) == kept
    sent = archive(*{**FILES, **dict.fromkeys(LEFT_OUT, b"x"), "nodes/gen/y.py": b""}.items())
    assert dict(unpack(sent).files) == kept


def test_a_symbolic_link_is_refused_with_its_name(tmp_path):
    write(tmp_path, FILES)
    (tmp_path / "nodes/secret.py").symlink_to("/etc/passwd")
    (tmp_path / "other").symlink_to("/etc")
    with pytest.raises(Invalid) as caught:
        read_directory(tmp_path)
    assert {problem.file for problem in caught.value.problems} == {"nodes/secret.py", "other"}


def test_a_pipe_in_a_directory_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="cannot be read"):
        read_directory(tmp_path)


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Malformed, match="is not a directory"):
        read_directory(tmp_path / "nothing")


def test_a_directory_with_too_much_in_it_is_refused(tmp_path):
    write(tmp_path, {f"lib/{number}": b"" for number in range(PACKAGE_FILES_MAX + 1)})
    with pytest.raises(TooLarge, match="files"):
        read_directory(tmp_path)
    (tmp_path / "big").mkdir()
    with (tmp_path / "big" / "file").open("wb") as file:
        file.truncate(PACKAGE_BYTES_MAX + 1)
    with pytest.raises(TooLarge, match="larger"):
        read_directory(tmp_path / "big")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x",
        "nodes/../../x",
        "nodes//x",
        "./x",
        "nodes\\x",
        "C:\\x",
        "a\nb",
        "x" * 300,
        ".hidden/../../x",
    ],
)
def test_an_archive_cannot_reach_outside(name):
    with pytest.raises(Invalid) as caught:
        unpack(archive(("axiom.yaml", b""), (name, b"x")))
    assert len(caught.value.problems) == 1


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_an_archive_holds_plain_files_only():
    with pytest.raises(Invalid) as caught:
        unpack(archive((link("nodes/x.py"), b"/etc/passwd")))
    assert "plain file" in caught.value.problems[0].message


def test_an_archive_names_every_file_once():
    with pytest.raises(Invalid) as caught:
        unpack(archive(("a", b"1"), ("a", b"2"), ("a/b", b"3")))
    assert [problem.message for problem in caught.value.problems] == [
        "is in the archive twice",
        "lies below the file a",
    ]


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_an_archive_makes_no_devices(kind):
    entry = link("nodes/x.py")
    entry.external_attr = (kind | 0o666) << 16
    with pytest.raises(Invalid) as caught:
        unpack(archive((entry, b"")))
    assert "plain file" in caught.value.problems[0].message


def test_an_entry_is_a_file_or_a_directory():
    entry = link("nodes")
    entry.external_attr = (stat.S_IFDIR | 0o755) << 16
    with pytest.raises(Invalid) as caught:
        unpack(archive((entry, b"content")))
    assert "both" in caught.value.problems[0].message
    honest = link("nodes/")
    honest.external_attr = (stat.S_IFDIR | 0o755) << 16
    assert dict(unpack(archive((honest, b""), ("nodes/x.py", b""))).files) == {"nodes/x.py": b""}


@pytest.mark.parametrize(
    ("one", "other"),
    [("nodes/Price.py", "nodes/price.py"), ("a/STRASSE", "a/straße"), ("é", "e\u0301")],
)
def test_files_that_another_file_system_takes_for_one_are_refused(tmp_path, one, other):
    with pytest.raises(Invalid) as caught:
        unpack(archive((one, b"1"), (other, b"2")))
    assert [p.message.split(" in case")[0] for p in caught.value.problems] == [
        f"differs from {min(one, other)}"
    ]
    with pytest.raises(Invalid, match="cannot be read"):
        read_directory(write(tmp_path, {one: b"1", other: b"2"}))


def test_a_name_cannot_end_early():
    name = b"nodes/x.py\0.txt"
    good = archive(("nodes/x.py_.txt", b"x = 1"))
    with pytest.raises(Invalid) as caught:
        unpack(good.replace(b"nodes/x.py_.txt", name))
    assert "plain relative path" in caught.value.problems[0].message


def test_names_are_utf_8_or_refused():
    assert dict(unpack(archive(("é.txt", b""))).files) == {"é.txt": b""}
    with pytest.raises(Malformed):
        unpack(archive(("é.txt", b"")).replace("é".encode(), b"\xff\xfe"))
    # Without the mark that says UTF-8 nobody knows what such bytes mean.
    unmarked = bytearray(archive(("é.txt", b"")))
    for mark, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        unmarked[unmarked.index(mark) + offset] &= ~0x8
    with pytest.raises(Invalid) as caught:
        unpack(bytes(unmarked))
    assert "unknown encoding" in caught.value.problems[0].message


def with_size(content: bytes, claimed: int) -> bytes:
    """An archive of 40 KB of zeros, each entry of which claims another size."""
    honest = archive(*((f"f{number}", content) for number in range(4)))
    return honest.replace(len(content).to_bytes(4, "little"), claimed.to_bytes(4, "little"))


def peak_of_refusal(sent: bytes) -> tuple[str, int]:
    """What an archive is refused with, and the bytes that were held on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as caught:
            unpack(sent)
        return caught.value.message, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_claims_ten_gigabytes_is_refused_before_anything_is_unpacked():
    message, peak = peak_of_refusal(with_size(b"\0" * 40_000, 2_700_000_000))
    assert "larger" in message
    assert peak < 1024 * 1024


def test_what_unpacks_to_more_than_it_claims_is_refused_within_its_claim():
    bomb = with_size(b"\0" * (PACKAGE_BYTES_MAX + 4_321), 1_000)
    _, peak = peak_of_refusal(bomb)
    assert peak < 4 * 1024 * 1024


def test_what_claims_what_it_is_costs_no_more_than_a_package_may():
    message, peak = peak_of_refusal(archive(("a", b"\0" * (PACKAGE_BYTES_MAX + 1))))
    assert "larger" in message
    assert peak < 2 * PACKAGE_BYTES_MAX


def test_an_archive_within_an_archive_is_a_file_like_any_other():
    inner = archive(("zeros", b"\0" * PACKAGE_BYTES_MAX))
    assert dict(unpack(archive(("inner.zip", inner))).files) == {"inner.zip": inner}


def test_a_listing_of_very_many_files_is_not_read():
    one = archive(("x", b""))
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entry, count = one[start:end], 300_000
    size = (len(entry) * count).to_bytes(4, "little")
    sent = one[:start] + entry * count + one[end : end + 12] + size + one[end + 16 :]
    message, peak = peak_of_refusal(sent)
    assert "files" in message
    assert peak < 1024 * 1024
    # Nor with a comment behind it, nor in the form for more than 65,535.
    commented = sent[:-2] + (5).to_bytes(2, "little") + b"hello"
    assert "files" in peak_of_refusal(commented)[0]
    place = len(sent) - 22
    larger = sent[:place] + b"PK\x06\x07" + bytes(16) + sent[place:]
    assert "zip64" in peak_of_refusal(larger)[0]


def test_an_archive_that_unpacks_to_too_much_is_refused():
    zeros = b"\0" * (PACKAGE_BYTES_MAX // 2 + 1)
    with pytest.raises(TooLarge):
        unpack(archive(("a", zeros), ("b", zeros)))


def test_an_archive_that_lies_about_its_sizes_is_refused():
    honest = archive(("a", b"\0" * (PACKAGE_BYTES_MAX + 1)))
    size = (PACKAGE_BYTES_MAX + 1).to_bytes(4, "little")
    assert honest.count(size) == 2
    with pytest.raises(Refused):
        unpack(honest.replace(size, (10).to_bytes(4, "little")))


def test_an_archive_of_too_many_files_is_refused():
    with pytest.raises(TooLarge):
        unpack(archive(*((str(number), b"") for number in range(PACKAGE_FILES_MAX + 1))))


def test_an_encrypted_archive_is_refused():
    plain = bytearray(archive(("a", b"content")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(mark) + offset] |= 1
    with pytest.raises(Invalid) as caught:
        unpack(bytes(plain))
    assert caught.value.problems[0].message == "is encrypted"


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 40])
def test_what_is_no_archive_is_malformed(content):
    with pytest.raises(Malformed):
        unpack(content)


def test_no_damage_to_an_archive_is_more_than_a_refusal():
    good = archive(*FILES.items())
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 0xFF
        try:
            unpack(bytes(damaged))
        except Refused:
            continue
    for length in range(len(good)):
        with pytest.raises(Refused):
            unpack(good[:length])
