"""What node code can reach and leave behind, on a real server as an operator starts it."""

import json
import os
import shutil
import signal
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.box import SERVE, Box, Pids, User, running
from system.lab import compiled, prepare, single
from worlds.processes import below

from axiomd.runners.sandbox import find_abilities

DAEMON = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            while True:
                open({path!r}, "w").close()
                time.sleep(0.01)
        os._exit(0)
    os.wait()
    while not os.path.exists({path!r}):
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("confined") / "data", runners_writable="") as box:
        prepare(box)
        yield box


def executed(user: User, graph_id: str, code: str) -> dict[str, object]:
    """The result of an execution of the flow with the node that runs Python text."""
    text = textwrap.dedent(code)
    result: dict[str, object] = user.invoke(graph_id, {"text": text}, wait=True).json()["result"]
    return result


@pytest.mark.skipif(not find_abilities().landlock, reason="this kernel has no Landlock")
def test_node_code_reads_nothing_of_the_data_directory_but_its_package(box: Box, user: User):
    execute = compiled(box, single("Execute"))
    own = executed(user, execute, "import nodes.echo as m; result = open(m.__file__).read()")
    assert own["success"], own
    kept = [path for path in box.data_dir.rglob("*") if path.is_file() and path.stat().st_size]
    others = [path for path in kept if path.parts[-3] != "packages" and "nodes" not in path.parts]
    assert {"data.mdb"} <= {path.name for path in others}
    code = f"""
        found = []
        for path in {[str(path) for path in others if "packages" not in path.parts]!r}:
            try:
                found.append(open(path, "rb").read(1))
            except OSError:
                pass
        result = found
    """
    assert executed(user, execute, code)["output"] == {**empty(own), "text": "[]"}
    listed = executed(user, execute, f"import os; os.listdir({str(box.data_dir)!r})")
    assert listed["failure"]["kind"] == "NODE_ERROR"
    assert "runners.readable" in listed["failure"]["message"]


def empty(result):
    return {**result["output"], "text": ""}


def test_a_node_at_the_limit_of_its_placement_fails_the_execution(box: Box, user: User):
    limited = {"node": "Execute", "config": {"limits": {"memory_mib": 64, "cpu_seconds": 1}}}
    document = single("Execute")
    document["name"] = "acme/limited"
    document["nodes"][0] |= limited
    execute = compiled(box, document)
    failure = executed(user, execute, "x = bytearray(1 << 30)")["failure"]
    assert (failure["kind"], failure["attempts"]) == ("OUT_OF_MEMORY", 1)
    assert "64 MiB" in failure["message"]
    failure = executed(user, execute, "while True: pass")["failure"]
    assert (failure["kind"], failure["attempts"]) == ("TIMEOUT", 1)
    assert "processor time" in failure["message"]
    assert executed(user, execute, "result = 1")["success"]


def test_one_line_of_the_log_says_what_is_enforced(box: Box):
    lines = [json.loads(line) for line in box.log.read_text().splitlines() if line[0] == "{"]
    (told,) = [line for line in lines if line["event"] == "sandbox"]
    assert told["mode"] == "auto"
    assert {"files", "processes", "network", "missing"} <= set(told)


def test_strict_without_bubblewrap_does_not_start(tmp_path: Path):
    command = [*SERVE, "--data-dir", str(tmp_path / "data"), "--bind", "127.0.0.1:0", "--json"]
    environment = {"PATH": str(tmp_path), "AXIOMD_RUNNERS_SANDBOX": "strict"}
    ran = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 2, ran.stderr
    assert "bubblewrap is not installed" in ran.stderr


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_flow_runs_in_the_strict_sandbox(tmp_path: Path):
    with running(tmp_path / "data", runners_sandbox="strict", runners_writable="") as box:
        prepare(box)
        with box.client() as user:
            execute = compiled(box, single("Execute"))
            store = str(box.data_dir / "store")
            seen = executed(user, execute, f"import os; result = os.path.exists({store!r})")
            assert seen["output"]["text"] == "False"
            told = tmp_path / "told"
            assert not executed(user, execute, f"open({str(told)!r}, 'w')")["success"]


# --- what nodes leave behind ----------------------------------------------------------------------


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize("victims", ["axiomd", "zygote", "both"])
def test_nothing_that_a_node_started_survives_by_a_second(tmp_path: Path, victims: str, sandbox):
    """A daemon of a node's, in a session of its own and nobody's child."""
    if (sandbox, victims) == ("off", "both"):
        pytest.skip("without namespaces this is left to the next start")
    if sandbox == "auto" and not find_abilities().way:
        pytest.skip(f"no namespaces here: {find_abilities().namespaces}")
    heart = tmp_path / "heart"
    with running(tmp_path / "data", runners_sandbox=sandbox) as box:
        prepare(box)
        with box.client() as user:
            execute = compiled(box, single("Execute"))
            ran = executed(user, execute, DAEMON.format(path=str(heart)))
            assert ran["success"], ran
        tree = set(below(box.pid))
        zygote = next(below(box.pid))
        with Pids(tree) as watched:
            assert len(watched.alive()) >= 3
            if victims in ("axiomd", "both"):
                os.kill(box.pid, signal.SIGKILL)
            if victims in ("zygote", "both"):
                os.kill(zygote, signal.SIGKILL)
            assert watched.all_dead_within(1.0), watched.alive()
        heart.unlink()
        time.sleep(0.1)
        assert not heart.exists()


def test_what_outlived_everything_dies_at_the_next_start(tmp_path: Path):
    """Without namespaces, axiomd and its zygote killed in one blow."""
    heart = tmp_path / "heart"
    with running(tmp_path / "data", runners_sandbox="off") as box:
        prepare(box)
        with box.client() as user:
            ran = executed(user, compiled(box, single("Execute")), DAEMON.format(path=str(heart)))
            assert ran["success"], ran
        tree = set(below(box.pid))
        with Pids(tree) as watched:
            zygote = next(below(box.pid))
            os.kill(zygote, signal.SIGSTOP)
            box.kill()
            os.kill(zygote, signal.SIGKILL)
            box.start()
            assert watched.all_dead_within(1.0), watched.alive()
