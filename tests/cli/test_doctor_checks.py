"""What `axiomd doctor` makes of what it measures and reads."""

import json
import os

import pytest

from axiomd.cli import checks, disks
from axiomd.cli.checks import Instant, check_clock, check_open_files, is_synchronised
from axiomd.cli.disks import (
    Disk,
    check_data_dir,
    check_file_system,
    check_sync,
    file_system_of,
    find_disk,
    percentile,
    sync_latencies_ms,
    why_doubtful,
)
from axiomd.cli.preflight import server_on
from axiomd.settings import ServerSettings, Settings, StoreSettings

SOLID = Disk("nvme0n1", "write back", fua=True)
SAFE = Disk("nvme0n1", "write through")
SPINNING = Disk("sda", "write back", rotational=True)
VIRTUAL = Disk("vda", "write back", virtual=True)


@pytest.mark.parametrize(
    ("middle_ms", "kind", "disk", "words"),
    [
        (0.001, "ext4", SAFE, "no disk can do that"),
        (0.001, "ext4", VIRTUAL, "no disk can do that"),
        (0.03, "ext4", SOLID, "volatile cache"),
        (0.5, "xfs", SPINNING, "spinning disk"),
        (5.0, "tmpfs", Disk(), "this is memory"),
    ],
)
def test_a_sync_that_is_too_fast_for_its_disk_is_doubted(middle_ms, kind, disk, words):
    assert words in why_doubtful(middle_ms, kind, disk)


@pytest.mark.parametrize(
    ("middle_ms", "disk"),
    [(0.03, SAFE), (0.4, SOLID), (6.0, SPINNING), (0.05, VIRTUAL), (0.05, Disk())],
)
def test_a_sync_as_fast_as_its_disk_can_be_is_believed(middle_ms, disk):
    assert why_doubtful(middle_ms, "ext4", disk) == ""


def test_the_verdict_names_the_latencies(tmp_path, monkeypatch):
    measured = {"slow": [30.0] * 100, "good": [1.0] * 98 + [9.0] * 2, "lying": [0.001] * 50}
    found = {}
    for name, taken in measured.items():
        monkeypatch.setattr(disks, "sync_latencies_ms", lambda _, taken=taken: taken)
        found[name] = check_sync(tmp_path, "ext4", SOLID)
    assert found["good"].level == "ok"
    assert found["good"].text == "1.0 ms (99 of 100 within 9.0 ms, of 100)"
    assert found["slow"].level == found["lying"].level == "warn"
    assert "use a faster disk" in found["slow"].text
    assert "the disk may lie" in found["lying"].text


def test_the_probe_writes_as_much_as_it_says_and_leaves_nothing(tmp_path):
    taken = sync_latencies_ms(tmp_path)
    assert 1 <= len(taken) <= 100
    assert all(one > 0 for one in taken)
    assert list(tmp_path.iterdir()) == []


def test_percentiles_are_values_that_were_measured():
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([float(number) for number in range(100)], 0.5) == 50.0
    assert percentile([float(number) for number in range(100)], 0.99) == 99.0


def make_disk(sys, device, **told):
    """A disk with a partition, as the kernel shows them, that this directory seems to be on."""
    real = sys / "devices" / "pci" / device
    (real / "queue").mkdir(parents=True)
    partition = real / f"{device}1"
    partition.mkdir()
    for name, text in told.items():
        (real / "queue" / name).write_text(text + "\n")
    number = sys.stat().st_dev
    node = sys / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    node.parent.mkdir(parents=True)
    node.symlink_to(partition)
    return real


def test_what_is_known_of_a_partition_is_what_is_known_of_its_disk(tmp_path):
    make_disk(tmp_path, "sdq", write_cache="write back", fua="1", rotational="1")
    found = find_disk(tmp_path, tmp_path)
    assert found == Disk("sdq", "write back", fua=True, rotational=True)
    assert str(found) == "sdq (spinning, cache write back, FUA)"


def test_a_disk_that_a_host_shows_is_known_by_its_name_or_its_maker(tmp_path):
    real = make_disk(tmp_path, "sdq", rotational="1")
    (real / "device").mkdir()
    (real / "device" / "vendor").write_text("QEMU    \n")
    assert find_disk(tmp_path, tmp_path).virtual


def test_what_the_kernel_does_not_show_is_no_disk(tmp_path):
    assert find_disk(tmp_path, tmp_path) == Disk()


@pytest.mark.parametrize(
    ("kind", "level"),
    [("ext4", "ok"), ("tmpfs", "warn"), ("overlay", "warn"), ("nfs4", "fail"), ("9p", "fail")],
)
def test_a_file_system_that_does_not_keep_things_is_named(kind, level):
    assert check_file_system(kind).level == level


def test_the_file_system_of_a_place_is_that_of_its_mount():
    assert file_system_of(disks.Path("/proc/self")) == "proc"


def test_whoever_else_may_enter_the_data_directory_is_told_of(tmp_path):
    settings = Settings(store=StoreSettings(data_dir=str(tmp_path / "d")))
    (tmp_path / "d").mkdir(mode=0o700)
    assert next(check_data_dir(settings)).level == "ok"
    (tmp_path / "d").chmod(0o755)
    found = next(check_data_dir(settings))
    assert (found.level, "chmod 700" in found.text) == ("warn", True)


def test_a_data_directory_that_cannot_be_one_ends_the_examination_of_it(tmp_path):
    (tmp_path / "file").write_text("")
    (found,) = check_data_dir(Settings(store=StoreSettings(data_dir=str(tmp_path / "file"))))
    assert (found.name, found.level) == ("Data directory", "fail")
    assert "is not a directory" in found.text
    assert server_on(tmp_path) == ""


@pytest.mark.parametrize(
    ("hard", "level", "words"),
    [
        (2**20, "ok", "4096 connections"),
        (4096, "warn", "LimitNOFILE"),
        (200, "fail", "LimitNOFILE"),
    ],
)
def test_open_files_are_held_against_what_the_settings_need(monkeypatch, hard, level, words):
    monkeypatch.setattr(checks.resource, "getrlimit", lambda _: (hard, hard))
    found = check_open_files(Settings())
    assert (found.level, words in found.text) == (level, True), found.text


def test_fewer_connections_need_fewer_files(monkeypatch):
    monkeypatch.setattr(checks.resource, "getrlimit", lambda _: (4096, 4096))
    assert check_open_files(Settings(server=ServerSettings(connections_max=1000))).level == "ok"


@pytest.mark.parametrize(
    ("jump_s", "wall", "synchronised", "level", "words"),
    [
        (0.0, 1.8e9, True, "ok", "synchronised"),
        (0.0, 1.8e9, None, "ok", "not known"),
        (0.0, 1.8e9, False, "warn", "chrony"),
        (7.0, 1.8e9, True, "warn", "jumped by 7.0 s"),
        (-7.0, 1.8e9, True, "warn", "jumped by -7.0 s"),
        (0.0, 1000.0, True, "fail", "set it"),
    ],
)
def test_a_clock_that_jumps_lags_or_is_not_kept_is_told_of(
    jump_s, wall, synchronised, level, words
):
    found = check_clock(Instant(wall, 5.0), Instant(wall + 2 + jump_s, 7.0), synchronised)
    assert (found.level, words in found.text) == (level, True), found.text


def test_the_kernel_says_whether_the_clock_is_kept_or_nothing():
    assert is_synchronised() in (True, False, None)


def test_the_doctor_looks_at_a_directory_that_is_not_there_without_making_it(run, tmp_path):
    words = ("doctor", "--bind", "127.0.0.1:0", "--data-dir", tmp_path / "d", "--json")
    findings = json.loads(run(*words).stdout)["findings"]
    assert {"Sync to disk", "Disk", "Clock", "Open files"} <= {one["name"] for one in findings}
    assert not (tmp_path / "d").exists()
