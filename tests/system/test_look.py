"""`axiomd verify` on a real data directory: beside a server under load, after it, and broken."""

import json
import subprocess
import sys
import threading
from pathlib import Path

from system.box import Box
from system.conftest import OpenBox
from system.lab import DIAMOND, NUMBERS, compiled

LOOKS = 6


def verify(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "axiomd", "verify", "--data-dir", str(data_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def keep_busy(box: Box, until: threading.Event) -> list[threading.Thread]:
    """Clients that invoke and stream until told to stop; large payloads among them."""
    diamond, numbers = compiled(box, DIAMOND), compiled(box, NUMBERS)

    def invoke() -> None:
        with box.client() as user:
            while not until.is_set():
                user.invoke(diamond, {"text": "x" * 100_000}, wait=True)

    def stream() -> None:
        with box.client() as user:
            while not until.is_set():
                user.streamed(numbers, {"count": 200})

    threads = [threading.Thread(target=work) for work in (invoke, invoke, stream)]
    for thread in threads:
        thread.start()
    return threads


def test_a_live_store_under_load_is_whole_at_every_look(open_box: OpenBox) -> None:
    box, done = open_box(), threading.Event()
    threads = keep_busy(box, done)
    try:
        for _ in range(LOOKS):
            looked = verify(box.data_dir, "--json")
            assert looked.returncode == 0, looked.stdout + looked.stderr
    finally:
        done.set()
        for thread in threads:
            thread.join()
    report = json.loads(looked.stdout)
    assert (report["clean"], report["found"], report["findings"]) == (True, 0, [])
    assert report["counts"]["executions"] > 0
    assert report["counts"]["frames"] > 0


def test_a_stopped_store_is_looked_at_and_what_is_broken_is_said(tmp_path: Path) -> None:
    box = Box(tmp_path / "data")
    box.start()
    try:
        with box.client() as user:
            assert user.http.get("/readyz").status_code == 200
    finally:
        box.kill()
    looked = verify(box.data_dir)
    assert looked.returncode == 0, looked.stderr
    assert "is whole" in looked.stdout
    name = "ab" * 32
    (box.data_dir / "blobs" / "ab").mkdir(parents=True)
    (box.data_dir / "blobs" / "ab" / name).write_bytes(b"not what it says")
    looked = verify(box.data_dir)
    assert looked.returncode == 7
    assert f"blob {name}" in looked.stdout
    assert "is broken: 1 fault" in looked.stdout


def test_a_directory_without_a_store_is_not_found_and_not_made(tmp_path: Path) -> None:
    looked = verify(tmp_path / "nothing")
    assert looked.returncode == 5
    assert "There is no axiomd store" in looked.stderr
    assert not (tmp_path / "nothing").exists()
