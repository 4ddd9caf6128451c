"""Secrets on a real box: nowhere on its disk, through restarts, rotations and lost keys."""

import base64
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from system.box import SERVE, Box, User
from worlds.secret_lab import FAIL, SPILL, TELL, executing, package

LOUD = "s3cret-" + "0123456789abcdef" * 3
SLY = 'two "lines"\\ of\nsécret-text-that-is-long'
STREAM = """\
def split(ax, inputs):
    value, found = ax.secrets.get('OPTIONAL')
    for ask in inputs:
        ax.log.info('has ' + value)
        print(value)
        yield Number(number=len(value))
    raise RuntimeError('broke with ' + value)
"""


def forms(value: str) -> set[bytes]:
    """What of a value must not be on disk: it, its lines, and how they are spelled elsewhere."""
    lines = [value, *value.split("\n")]
    texts = {spell(line) for line in lines for spell in (str, repr, json.dumps)}
    found = {text.strip("'\"").encode() for text in texts}
    return found | {
        base64.b64encode(value.encode()),
        value.encode("utf-16-le"),
        value.encode().hex().encode(),
    }


def leaks(*roots: Path) -> list[str]:
    """Files below the roots that hold any part of a value."""
    wanted = forms(LOUD) | forms(SLY)
    files = [path for root in roots for path in (root.rglob("*") if root.is_dir() else [root])]
    return [
        f"{path}: {part!r}"
        for path in files
        if path.is_file()
        for content in (path.read_bytes(),)
        for part in wanted
        if part in content
    ]


def put(user: User, name: str, value: str) -> int:
    return user.http.put(f"/app/v1/secrets/{name}", json={"value": value}).status_code


@pytest.fixture
def secretive(box: Box, user: User) -> str:
    """An artifact whose node has both values."""
    files = package()
    head = files["nodes/split.py"].split("def split")[0]
    assert user.push({**files, "nodes/split.py": head + STREAM}).status_code == 201
    assert put(user, "TOKEN", LOUD) == 201
    assert put(user, "OPTIONAL", SLY) == 201
    return user.compile(executing("secretive"))


def invoke(user: User, graph_id: str, text: str) -> dict[str, object]:
    result: dict[str, object] = user.invoke(graph_id, {"text": text}, wait=True).json()["result"]
    return result


def test_nothing_of_a_value_is_on_disk_after_calls_that_tell_it_in_every_way(
    box: Box, user: User, secretive: str, tmp_path: Path
) -> None:
    both = SPILL.replace("'TOKEN'", "'OPTIONAL'") + SPILL
    assert invoke(user, secretive, both)["success"]
    failing = "import os\n" + FAIL
    assert not invoke(user, secretive, failing)["success"]
    assert not invoke(user, secretive, failing.replace("'TOKEN'", "'OPTIONAL'"))["success"]
    assert not invoke(user, secretive, "raise SystemExit(ax.secrets.get('OPTIONAL')[0])")["success"]
    path = "/invocations/v1/nodes/acme/lab/2.0.0/Execute"
    assert user.http.post(path, json={"text": failing}).status_code == 422
    stream = user.compile(executing("streaming", only="Split"))
    *_, closing = user.streamed(stream, {"count": 1})
    assert closing.data["error"] == "only: RuntimeError: broke with [secret OPTIONAL]"
    config = {"flow": None, "profile": "default", "secrets": {"TOKEN": LOUD + "-of-the-config"}}
    assert user.http.post("/app/v1/configs", json=config).status_code == 201
    assert not invoke(user, secretive, failing)["success"]
    for _ in range(2):
        assert leaks(box.data_dir, box.log) == []
        # And what was in memory is not written on the way down.
        box.restart()
    assert "[secret TOKEN]" in box.log.read_text()
    kept = tmp_path / "kept"
    run("backup", str(kept), "--data-dir", str(box.data_dir))
    assert leaks(kept) == []
    assert (kept / "secrets.key").stat().st_mode & 0o777 == 0o600
    # The test would find it: what a node returns stays as it is.
    assert invoke(user, secretive, TELL)["success"]
    box.restart()
    assert leaks(box.data_dir)


def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "axiomd", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    return ended


def test_a_box_does_not_start_without_its_keys_and_says_what_to_do(
    box: Box, user: User, secretive: str
) -> None:
    key_file = box.data_dir / "secrets.key"
    kept = key_file.read_bytes()
    box.kill()
    serve = [*SERVE, "--data-dir", str(box.data_dir), "--bind", f"127.0.0.1:{box.port}"]

    def refusal() -> str:
        ended = subprocess.run(serve, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2, ended.stderr
        return ended.stderr

    key_file.chmod(0o640)
    assert "can be read by others (mode 0640)" in refusal()
    key_file.chmod(0o600)
    key_file.write_bytes(kept[:-9])
    assert "is damaged" in refusal()
    key_file.unlink()
    assert "is missing" in refusal()
    run("secrets", "rotate-key", "--data-dir", str(box.data_dir), code=2)
    key_file.write_bytes(kept)
    key_file.chmod(0o600)
    box.start()
    assert invoke(user, secretive, TELL)["output"]["text"] == LOUD  # type: ignore[index]
    box.kill()
    key_file.unlink()
    command = ("secrets", "rotate-key", "--drop-unreadable", "--json")
    told = json.loads(run(*command, "--data-dir", str(box.data_dir)).stdout)
    assert told["dropped"] == [f"secret {n} of tenant default" for n in ("OPTIONAL", "TOKEN")]
    box.start()
    assert user.get("/app/v1/secrets")["secrets"] == []
    assert put(user, "TOKEN", LOUD) == 201


def test_a_rotation_beside_a_working_box_may_be_killed_at_any_time(
    box: Box, user: User, secretive: str
) -> None:
    """`kill -9`, again and again, while the box reads and writes."""
    values = {f"S{number}": f"value {number}" for number in range(60)}
    for name, value in values.items():
        assert put(user, name, value) == 201
    command = [sys.executable, "-m", "axiomd", "secrets", "rotate-key", "--json"]
    keys: set[str] = set()
    chance = random.Random(5)
    for number in range(5):
        rotation = subprocess.Popen(
            [*command, "--data-dir", str(box.data_dir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + chance.uniform(0.25, 0.7)
        while time.monotonic() < until and rotation.poll() is None:
            assert put(user, f"S{number}", f"value {number}") == 200
            assert invoke(user, secretive, TELL)["output"]["text"] == LOUD  # type: ignore[index]
        rotation.kill()
        rotation.wait()
        ring = json.loads((box.data_dir / "secrets.key").read_text())
        keys |= {key["id"] for key in ring["keys"]}
        if number % 3 == 2:
            box.restart()
    done = json.loads(run(*command[2:][1:], "--data-dir", str(box.data_dir)).stdout)
    assert put(user, "S0", "value 0") == 200
    assert invoke(user, secretive, TELL)["output"]["text"] == LOUD  # type: ignore[index]
    (key,) = json.loads((box.data_dir / "secrets.key").read_text())["keys"]
    assert key["id"] == done["key_id"]
    assert len(keys | {key["id"]}) > 1
    box.restart()
    assert invoke(user, secretive, TELL)["output"]["text"] == LOUD  # type: ignore[index]
