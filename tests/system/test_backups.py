"""`axiomd backup` beside a server under load, `axiomd restore` elsewhere, and on it goes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from system.box import Box, running
from system.lab import compiled, flow, single

CLIENTS = 64
STEPS = flow("two", {"one": "Step", "two": "Step"}, ("one two",))
LARGE = "x" * 100_000


def axiomd(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "axiomd", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


class Load:
    """Clients that invoke until told to stop; what each of them was told of."""

    def __init__(self, box: Box, graph_id: str) -> None:
        self.told: list[tuple[float, str]] = []
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._invoke, args=(box, graph_id, number))
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _invoke(self, box: Box, graph_id: str, number: int) -> None:
        with box.client() as user:
            while not self._done.is_set():
                text = LARGE + str(number % 8) if number % 4 == 0 else "small"
                answer = user.invoke(graph_id, {"text": text}, wait=True)
                if answer.status_code == 202:
                    self.told.append((time.monotonic(), answer.json()["execution_id"]))

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def test_a_backup_under_load_is_whole_and_goes_on_elsewhere(box: Box, tmp_path: Path) -> None:
    two, nap = compiled(box, STEPS), compiled(box, single("Nap"))
    naps = tmp_path / "naps"
    with box.client() as user:
        flying = user.accepted(nap, {"count": 600, "text": LARGE, "log": str(naps)})
        user.started(flying, "nap")
        load = Load(box, two)
        try:
            while len(load.told) < 50:
                time.sleep(0.01)
            began = time.monotonic()
            made = axiomd(
                "backup", str(tmp_path / "kept"), "--data-dir", str(box.data_dir), "--json"
            )
        finally:
            load.stop()
        assert made.returncode == 0, made.stderr
        assert user.cancel(flying).status_code == 202
    before = [identity for at, identity in load.told if at < began]
    key = box.key
    box.kill()
    restored = axiomd("restore", str(tmp_path / "kept"), "--data-dir", str(tmp_path / "new"))
    assert restored.returncode == 0, restored.stderr
    looked = axiomd("verify", "--data-dir", str(tmp_path / "new"), "--json")
    assert looked.returncode == 0, looked.stdout
    assert json.loads(looked.stdout)["counts"].get("orphans", 0) == 0
    with running(tmp_path / "new") as other, other.client(key) as user:
        # What was told of before the backup began is in it; what was in flight goes on.
        for identity in before:
            assert user.execution(identity)["status"] == "COMPLETED"
        assert user.ended(flying)["status"] == "COMPLETED"
        assert user.execution(flying, "/output")["output"]["text"] == LARGE
        listed = user.get("/invocations/v1/executions?limit=1000")["executions"]
        for row in listed:
            assert user.ended(row["execution_id"])["status"] == "COMPLETED"
        assert json.loads(made.stdout)["executions"] >= len(before)
        assert user.invoke(two, {"text": "again"}, wait=True).json()["result"]["success"]


def test_a_backup_of_a_stopped_box_is_the_same_and_nothing_is_overwritten(
    box: Box, tmp_path: Path
) -> None:
    echo = compiled(box, single("Echo"))
    with box.client() as user:
        identity = user.accepted(echo, {"text": LARGE})
        user.ended(identity)
    box.kill()
    (box.data_dir / "secrets.key").write_bytes(b"k" * 32)
    kept, new = str(tmp_path / "kept"), str(tmp_path / "new")
    assert axiomd("backup", kept, "--data-dir", str(box.data_dir)).returncode == 0
    again = axiomd("backup", kept, "--data-dir", str(box.data_dir))
    assert again.returncode == 1
    assert "is not overwritten" in again.stderr
    assert axiomd("restore", kept, "--data-dir", str(box.data_dir)).returncode == 1
    assert axiomd("restore", kept, "--data-dir", new).returncode == 0
    assert (tmp_path / "new" / "secrets.key").read_bytes() == b"k" * 32
    assert (tmp_path / "new" / "secrets.key").stat().st_mode & 0o077 == 0
    assert axiomd("restore", str(tmp_path / "nothing"), "--data-dir", new + "2").returncode == 5
    assert axiomd("backup", kept + "2", "--data-dir", str(tmp_path / "nothing")).returncode == 5
    left = {path.name for path in tmp_path.iterdir()} - {"data", "data.log"}
    assert left == {"kept", "new"}


def test_a_backup_that_is_killed_leaves_nothing_that_looks_like_one(
    box: Box, tmp_path: Path
) -> None:
    """And the box collects blobs again as soon as it is gone."""
    echo = compiled(box, single("Echo"))
    with box.client() as user:
        for number in range(40):
            user.accepted(echo, {"text": LARGE + str(number)})
    for wait_s in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        command = [sys.executable, "-m", "axiomd", "backup", str(tmp_path / "kept")]
        with subprocess.Popen(
            [*command, "--data-dir", str(box.data_dir)], stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(wait_s)
            os.kill(process.pid, signal.SIGKILL)
        if (tmp_path / "kept").exists():
            # Quicker than the kill: then it is whole.
            restored = axiomd("restore", str(tmp_path / "kept"), "--data-dir", str(tmp_path / "n"))
            assert restored.returncode == 0, restored.stderr
            return
    assert axiomd("backup", str(tmp_path / "kept"), "--data-dir", str(box.data_dir)).returncode == 0
