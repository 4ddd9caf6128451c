"""What node code can and cannot reach, in real processes, by the kernel and within bubblewrap."""

import os
import socket
import sys
from pathlib import Path

import pytest
from node_package import call, ignore, install
from runner_lab import every_sandbox, execute, open_process, wait_for

from axiomd.errors import SettingsInvalid
from axiomd.execution.call import Failure, Output
from axiomd.runners import sandbox as sandboxes
from axiomd.runners.sandbox import find_abilities

needs_landlock = pytest.mark.skipif(
    not find_abilities().landlock, reason="this kernel has no Landlock"
)
pytestmark = needs_landlock
SIGNALS = 6
"""The version of Landlock that fences off signals."""


@pytest.fixture
def box(tmp_path):
    """A data directory with things that node code has no business with."""
    root = tmp_path / "data"
    packages = install(root / "packages", "d1", "d2")
    (root / "store").mkdir()
    (root / "store" / "data.mdb").write_text("secret")
    (root / "nodes.lock").write_text("")
    return root, packages


def opened(box, mode, **settings):
    root, packages = box
    return open_process(packages, data_dir=root, **{"sandbox": mode, "writable": (), **settings})


# --- what goes on working -------------------------------------------------------------------------

ORDINARY = {
    "temporary files": """
        import os, tempfile
        with tempfile.TemporaryDirectory() as made:
            one, two = os.path.join(made, "one"), os.path.join(made, "two")
            open(one, "w").write("text")
            os.replace(one, two)
            result = open(two).read() + str(made.startswith(os.environ["TMPDIR"]))
        assert result == "textTrue"
    """,
    "its home": """
        import os, pathlib
        made = pathlib.Path.home() / ".cache" / "library"
        made.mkdir(parents=True, exist_ok=True)
        (made / "file").write_text("kept")
    """,
    "sqlite": """
        import sqlite3, os
        base = sqlite3.connect(os.environ["TMPDIR"] + "/base.db")
        base.execute("pragma journal_mode=wal")
        base.execute("create table t (a)")
        base.execute("insert into t values (1)")
        base.commit()
    """,
    "programs": """
        import subprocess
        text = "echo out; cat /etc/hosts >/dev/null && echo in > $TMPDIR/x && cat $TMPDIR/x"
        said = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True)
        assert said.stdout == "out\\nin\\n", said
    """,
    "its own interpreter": """
        import subprocess, sys
        said = subprocess.check_output([sys.executable, "-c", "import json; print(json.dumps(1))"])
        assert said == b"1\\n"
    """,
    "names and certificates": """
        import socket, ssl, pwd, os
        assert socket.gethostbyname("localhost") == "127.0.0.1"
        ssl.create_default_context()
        pwd.getpwuid(os.getuid())
    """,
    "threads and loops": """
        import asyncio, concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(abs, range(10))) == 45
        asyncio.run(asyncio.sleep(0))
    """,
    "processes that share memory": """
        import multiprocessing
        from multiprocessing import shared_memory
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
        shared = shared_memory.SharedMemory(create=True, size=1000)
        shared.close()
        shared.unlink()
    """,
    "spawned processes": """
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
    """,
    "devices and terminals": """
        import os
        open("/dev/null", "w").write("x")
        assert len(os.urandom(4) + open("/dev/urandom", "rb").read(4)) == 8
        os.close(os.openpty()[0])
    """,
    "what /proc says about it": """
        import os
        assert os.readlink("/proc/self") == str(os.getpid())
        assert os.listdir("/proc/self/fd")
        os.cpu_count()
    """,
    "its package": """
        import nodes.echo, pathlib
        pathlib.Path(nodes.echo.__file__).read_text()
    """,
}


@every_sandbox
async def test_ordinary_packages_work_in_the_sandbox(box, sandbox):
    async with opened(box, sandbox) as runner:
        for name, code in ORDINARY.items():
            assert await execute(runner, code) == ("textTrue" if "temporary" in name else ""), name


async def test_ordinary_packages_work_without_namespaces(box, monkeypatch):
    """On a box that has none: files and signals are still fenced off."""
    monkeypatch.setattr(sandboxes.Abilities, "way", "")
    root, _ = box
    async with opened(box, "auto") as runner:
        for name, code in ORDINARY.items():
            assert await execute(runner, code) == ("textTrue" if "temporary" in name else ""), name
        assert await is_refused(runner, f"open({str(root / 'store' / 'data.mdb')!r})")
        assert await is_refused(runner, f"open('/proc/{os.getpid()}/environ').read()")
        if find_abilities().landlock >= SIGNALS:
            outcome = await execute(runner, f"import os; os.kill({os.getpid()}, 0)")
            assert outcome.message.startswith("PermissionError")


# --- what does not --------------------------------------------------------------------------------


@every_sandbox
async def test_the_data_directory_is_out_of_reach(box, sandbox):
    root, _ = box
    other = root / "packages" / "d2" / "nodes" / "echo.py"
    async with opened(box, sandbox) as runner:
        for path in (root / "store" / "data.mdb", root / "nodes.lock", other):
            assert path.exists()
            assert await is_refused(runner, f"open({str(path)!r}).read()")
            assert await is_refused(runner, f"open({str(path)!r}, 'a').write('x')")
        for path in (root / "store", root / "packages" / "d2", root / "packages"):
            code = f"import os; assert set(os.listdir({str(path)!r})) <= {{'d1'}}, 'seen'"
            outcome = await execute(runner, code)
            assert outcome == "" or "PermissionError" in outcome.message or is_absent(outcome)
    assert (root / "store" / "data.mdb").read_text() == "secret"


def is_absent(outcome):
    return outcome.message.startswith("FileNotFoundError")


async def is_refused(runner, code):
    outcome = await execute(runner, code)
    assert isinstance(outcome, Failure), "it was allowed"
    names = ("PermissionError", "FileNotFoundError", "OSError: [Errno 30]")
    return outcome.message.startswith(names)


@every_sandbox
async def test_nothing_but_its_scratch_can_be_changed(box, sandbox, tmp_path):
    root, _ = box
    package = root / "packages" / "d1"
    targets = (package / "nodes" / "new.py", package / "nodes" / "echo.py", tmp_path / "new")
    async with opened(box, sandbox) as runner:
        for path in (*targets, Path(sys.prefix, "new"), Path.home() / "new"):
            assert await is_refused(runner, f"open({str(path)!r}, 'w')")
        assert await is_refused(runner, f"import os; os.unlink({str(package / 'axiom.yaml')!r})")
        assert await is_refused(runner, f"import os; os.mkdir({str(tmp_path / 'dir')!r})")
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
    assert not (tmp_path / "new").exists()


@every_sandbox
async def test_paths_of_the_settings_can_be_read_and_written(box, sandbox, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("given")
    (tmp_path / "out").mkdir()
    (tmp_path / "one").write_text("alone")
    given = {
        "readable": (str(tmp_path / "in"), str(tmp_path / "one"), str(tmp_path / "absent")),
        "writable": (str(tmp_path / "out"),),
    }
    async with opened(box, sandbox, **given) as runner:
        for name, text in (("in/file", "given"), ("one", "alone")):
            assert await execute(runner, f"result = open('{tmp_path}/{name}').read()") == text
            assert await is_refused(runner, f"open('{tmp_path}/{name}', 'w')")
        await execute(runner, f"open('{tmp_path}/out/file', 'w').write('made')")
    assert (tmp_path / "out" / "file").read_text() == "made"


@every_sandbox
async def test_a_refused_path_says_which_setting_allows_it(box, sandbox, tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "closed").mkdir(mode=0)
    async with opened(box, sandbox, writable=(str(tmp_path / "closed"),)) as runner:
        refused = await execute(runner, f"open('{tmp_path}/file')")
        assert "runners.readable" in refused.message
        absent = await execute(runner, "import os; open(os.environ['TMPDIR'] + '/absent')")
        own = await execute(runner, "raise PermissionError(13, 'no', '/etc/hosts-of-mine')")
        bare = await execute(runner, "raise PermissionError('not you')")
        for outcome in (absent, bare, own) if sandbox == "auto" else (absent, bare):
            assert "runners.readable" not in outcome.message


@every_sandbox
async def test_node_code_has_no_privileges_and_leaves_no_core_file(box, sandbox):
    wanted = ("NoNewPrivs", "CapEff", "CapPrm")
    code = f"""
        import resource
        lines = open("/proc/self/status").read().splitlines()
        result = [line.split()[1] for line in lines if line.startswith({wanted!r})]
        result += resource.getrlimit(resource.RLIMIT_CORE)
        result.append(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    """
    async with opened(box, sandbox) as runner:
        nothing = "0000000000000000"
        assert await execute(runner, code) == str([nothing, nothing, "1", 0, 0, 1024])


@every_sandbox
async def test_node_code_can_neither_see_nor_signal_axiomd(box, sandbox):
    if sandbox == "auto" and not find_abilities().way:
        pytest.skip(f"no namespaces here: {find_abilities().namespaces}")
    async with opened(box, sandbox) as runner:
        outcome = await execute(runner, f"import os; os.kill({os.getpid()}, 0)")
        assert outcome.message.startswith(("ProcessLookupError", "PermissionError"))
        assert await is_refused(runner, f"open('/proc/{os.getpid()}/environ').read()")


@every_sandbox
async def test_only_strict_takes_the_network_away(box, sandbox):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        async with opened(box, sandbox) as runner:
            code = f"import socket; socket.create_connection({address!r}).close()"
            outcome = await execute(runner, code)
    if sandbox == "auto":
        assert outcome == ""
    else:
        assert "ConnectionRefusedError" in outcome.message


# --- scratch --------------------------------------------------------------------------------------


@every_sandbox
async def test_scratch_goes_with_its_process(box, sandbox):
    root, _ = box
    scratch = root / "scratch"
    async with opened(box, sandbox) as runner:
        code = """
            import os
            os.makedirs(os.environ["TMPDIR"] + "/a/b")
            open(os.environ["TMPDIR"] + "/a/b/file", "w").write("x")
            os.chmod(os.environ["TMPDIR"] + "/a", 0)
            result = os.environ["TMPDIR"]
        """
        own = Path(await execute(runner, code))
        assert own.parent.parent == scratch
        assert own.exists()
        (pool,) = runner._pools.values()
        pool.retire(pool.idle[0])
        await wait_for(lambda: not own.exists() and len(list(scratch.iterdir())) == 1)
    assert list(scratch.iterdir()) == []


async def test_scratch_of_a_killed_axiomd_is_removed_by_the_next(box):
    root, _ = box
    left = root / "scratch" / "nodes-left"
    (left / "1").mkdir(parents=True)
    (left / "1" / "file").write_text("x")
    async with opened(box, "auto"):
        await wait_for(lambda: list((root / "scratch").iterdir()) == [])


# --- what cannot be had ---------------------------------------------------------------------------


async def test_strict_without_bubblewrap_is_refused_at_start(box, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsInvalid) as caught:
        async with opened(box, "strict"):
            raise AssertionError("it started")
    (problem,) = caught.value.problems
    assert problem.path == "runners.sandbox"
    assert "bubblewrap is not installed" in problem.message


async def test_strict_with_a_bubblewrap_that_fails_is_refused_at_start(box, monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no user namespaces >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsInvalid) as caught:
        async with opened(box, "strict"):
            raise AssertionError("it started")
    assert "no user namespaces" in caught.value.problems[0].message


async def test_a_layer_that_cannot_be_applied_keeps_a_package_from_starting(box, monkeypatch):
    """What the probe found must hold for each zygote; a lie about it is told, not passed over."""
    able = sandboxes.Abilities(1, {"own": "", "user": ""}, "")
    monkeypatch.setattr(sandboxes, "find_abilities", lambda: able)
    monkeypatch.setattr(sandboxes.confine, "NAMESPACES", ("imaginary",))
    monkeypatch.setattr(sandboxes.Abilities, "way", "imaginary")
    async with opened(box, "auto") as runner:
        outcome = await runner.run(call("Echo"), ignore)
        assert outcome.kind == "LOAD_ERROR"
        assert "imaginary" in outcome.detail


async def test_off_confines_nothing(box, tmp_path):
    (tmp_path / "file").write_text("text")
    async with opened(box, "off") as runner:
        assert await execute(runner, f"result = open('{tmp_path}/file').read()") == "text"
