"""Nodes that are imported before their processes are forked: once, harmlessly, or not at all."""

import os
import signal
import sys
import venv
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
from node_package import answer, ask, call, ignore, install, stream_call
from runner_lab import PAYLOAD_MAX, execute, open_process, wait_for, zygote_of
from worlds.processes import is_alive

from axiomd.execution.call import Crashed, Output
from axiomd.runners import orphans
from axiomd.runners.process import open_process_runner
from axiomd.settings import RunnerSettings

NODE = """
import os, random, threading
from gen.messages_pb2 import Answer
with open({log!r}, "a") as log:
    log.write(str(os.getpid()) + "\\n")
{first}
def zone(ax, input):
    return Answer(count=os.getpid(), text=str(random.random()))
"""


PLAIN = {"sandbox": "off", "spare": False}
"""Processes have one number, and each is started for a call."""
open_plain = partial(open_process, **PLAIN)


def install_one(root, first=""):
    """A package whose node `Zone`, the last that is imported, writes down who imports it."""
    log = root / "imported"
    return install(root, "d1", zone=NODE.format(log=str(log), first=first)), log


def imported(log):
    """The processes that imported the node."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def is_cold(runner):
    (pool,) = runner._pools.values()
    return pool._zygote.cold


async def called(runner, node="Zone"):
    outcome = await runner.run(call(node), ignore)
    assert isinstance(outcome, Output), outcome
    return answer(outcome.payload)


def state(pid):
    """How the kernel says that a process is: `S` if it waits for something."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def spare_of(runner, log, busy):
    """The process that has imported everything and waits for its first call."""
    await wait_for(lambda: [x for x in imported(log)[1:] if x != busy and is_alive(x)])
    (spare,) = [pid for pid in imported(log)[1:] if pid != busy and is_alive(pid)]
    # It has written that down as its last import, and the zygote has heard that it is ready.
    await wait_for(lambda: state(spare) == state(zygote_of(runner)) == "S")
    return spare


async def killed(runner, pid):
    """End a node process that is idle, and return once that is known."""
    os.kill(pid, signal.SIGKILL)
    await wait_for(lambda: runner.statistics()["processes"] == 0)


async def test_a_node_is_imported_once_for_all_processes(tmp_path):
    packages, log = install_one(tmp_path)
    async with open_plain(packages) as runner:
        seen = []
        for _ in range(3):
            seen.append(await called(runner))
            await killed(runner, seen[-1].count)
        assert imported(log) == [zygote_of(runner)]
        assert not is_cold(runner)
        assert len({said.count for said in seen}) == 3
        assert len({said.text for said in seen}) == 3, "each has random numbers of its own"


async def test_switched_off_no_node_is_imported_by_the_zygote(tmp_path):
    packages, log = install_one(tmp_path)
    async with open_plain(packages, preload=False) as runner:
        assert (await called(runner)).count in imported(log)
        assert zygote_of(runner) not in imported(log)


@pytest.mark.parametrize(
    "first",
    [
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "kept = open(os.devnull)",
        "dice = random.Random(1)",
        "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "import subprocess; child = subprocess.Popen(['sleep', '600'])",
        "import sys, types; sys.modules['grpc'] = types.ModuleType('grpc')",
    ],
    ids=["thread", "file", "random numbers", "signal handler", "program", "library"],
)
async def test_what_a_fork_would_copy_wrongly_is_imported_by_each_process(tmp_path, first):
    packages, log = install_one(tmp_path, first)
    async with open_plain(packages) as runner:
        said = await called(runner)
        zygote = zygote_of(runner)
        assert is_cold(runner)
        assert len(list(Path(f"/proc/{zygote}/task").iterdir())) == 1
        assert said.count in imported(log)
        assert (await called(runner, "Echo")).text == ""
    assert not [pid for pid in imported(log) if is_alive(pid)]


async def test_programs_of_an_import_that_was_undone_are_dead(tmp_path):
    told = tmp_path / "child"
    first = (
        "import subprocess; child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(told)!r}, 'a').write(str(child.pid) + '\\n')"
    )
    packages, _ = install_one(tmp_path, first)
    async with open_plain(packages) as runner:
        await called(runner)
        first_child = int(told.read_text().split()[0])
        await wait_for(lambda: not is_alive(first_child))
    await wait_for(lambda: not [pid for pid in told.read_text().split() if is_alive(int(pid))])


async def test_a_cold_package_has_a_spare_with_its_imports_behind_it(tmp_path):
    packages, log = install_one(tmp_path, "kept = open(os.devnull)")
    async with open_plain(packages) as runner:
        pid = (await called(runner)).count
        for _ in range(3):
            spare = await spare_of(runner, log, pid)
            await killed(runner, pid)
            pid = (await called(runner)).count
            assert pid == spare
    assert not [pid for pid in imported(log) if is_alive(pid)]


async def test_a_spare_that_is_killed_harms_nobody(tmp_path):
    packages, log = install_one(tmp_path, "kept = open(os.devnull)")
    async with open_plain(packages) as runner:
        pid = (await called(runner)).count
        spare = await spare_of(runner, log, pid)
        os.kill(spare, signal.SIGKILL)
        await wait_for(lambda: not is_alive(spare))
        for _ in range(3):
            await killed(runner, pid)
            pid = (await called(runner)).count
        assert is_alive(zygote_of(runner))


@pytest.mark.parametrize(
    ("first", "ending"),
    [
        ("raise RuntimeError('no')", "LOAD_ERROR"),
        ("import sys; sys.exit(3)", "LOAD_ERROR"),
        ("os._exit(3)", "exit 3"),
        ("import signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import time; time.sleep(1000)", "TIMEOUT"),
        ("sum(range(10**13))", "TIMEOUT"),
    ],
    ids=["raises", "exits", "ends", "crashes", "sleeps", "spins"],
)
async def test_an_import_that_goes_wrong_is_the_trouble_of_its_node_alone(tmp_path, first, ending):
    packages, _ = install_one(tmp_path, first)
    async with open_plain(packages, start_timeout_s=1.5) as runner:
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        outcome = await runner.run(call("Zone", timeout_s=0.5), ignore)
        told = outcome.reason if isinstance(outcome, Crashed) else outcome.kind
        assert told == ending
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        async with runner.stream(stream_call("Upper"), ignore) as stream:
            await stream.send(ask(text="a"))
            assert answer((await stream.receive())[0]).text == "A"


async def test_what_an_import_prints_breaks_nothing(tmp_path):
    first = "import sys\nprint('x' * 100_000)\nos.write(1, b'raw')\nprint('e', file=sys.stderr)"
    packages, log = install_one(tmp_path, first)
    async with open_plain(packages) as runner:
        await called(runner)
        assert imported(log) == [zygote_of(runner)]


async def test_an_import_that_forks_makes_no_second_zygote(tmp_path):
    packages, log = install_one(tmp_path, "os.fork()")
    async with open_plain(packages) as runner:
        for _ in range(2):
            await killed(runner, (await called(runner, "Whoami")).count)
        await wait_for(lambda: len([pid for pid in imported(log) if is_alive(pid)]) <= 2)
        assert is_alive(zygote_of(runner))
    await wait_for(lambda: not [pid for pid in imported(log) if is_alive(pid)])


@attrs.define(eq=False)
class Elsewhere:
    """A package in another interpreter."""

    packages: object
    interpreter: str

    def code(self, digest):
        return attrs.evolve(self.packages.code(digest), interpreter=self.interpreter)


@pytest.fixture(scope="module")
def threaded(tmp_path_factory):
    """An interpreter that has a thread as soon as it starts, by no doing of a package."""
    directory = tmp_path_factory.mktemp("threaded")
    venv.create(directory, symlinks=True)
    (site,) = directory.glob("lib/python*/site-packages")
    own = next(path for path in sys.path if path.endswith("site-packages"))
    start = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    (site / "busy.pth").write_text(f"{own}\n{start}\n")
    return str(directory / "bin/python")


async def test_an_interpreter_with_threads_is_never_forked(tmp_path, threaded):
    packages, log = install_one(tmp_path)
    lock = orphans.wait_for_predecessors(tmp_path / "nodes.lock")
    async with open_process_runner(
        RunnerSettings(**PLAIN),
        Elsewhere(packages, threaded),
        nodes_lock_fd=lock,
        payload_bytes_max=PAYLOAD_MAX,
    ) as runner:
        pid = (await called(runner)).count
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert b"node" in command, "a fork would have the zygote's own"
        assert {pid, zygote_of(runner)} < set(orphans.holders(tmp_path / "nodes.lock"))
        for _ in range(2):
            spare = await spare_of(runner, log, pid)
            await killed(runner, pid)
            pid = (await called(runner)).count
            assert pid == spare
        with trio.move_on_after(0.3):
            await runner.run(call("Spin", ask(text=str(tmp_path / "pid"))), ignore)
        assert not is_alive(int((tmp_path / "pid").read_text()))
    os.close(lock)
    assert not [pid for pid in imported(log) if is_alive(pid)]


WHERE = """
    import os, tempfile
    result = tempfile.gettempdir() + " " + str(os.access(tempfile.gettempdir(), os.W_OK))
"""


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize("first", ["", "held = open(os.devnull)"], ids=["warm", "cold"])
async def test_processes_of_every_kind_are_confined_alike(tmp_path, first, sandbox):
    """Those that are forked, those that begin anew, and spares."""
    packages = install(tmp_path, "d1", kept=f"import os\n{first}\ndef kept(ax, input): 0\n")
    secret = tmp_path / "secret"
    secret.write_text("x")
    confined = open_process(packages, sandbox=sandbox, spare=False, writable=(), readable=())
    async with confined as runner:
        places = set()
        for _ in range(3):
            assert (await runner.run(call("Echo"), ignore)) == Output(b"")
            read = await execute(runner, f"result = open({str(secret)!r}).read()")
            assert read == "x" if sandbox == "off" else "PermissionError" in read.message
            place, writable = (await execute(runner, WHERE)).split()
            assert writable == "True"
            places.add(place)
            assert is_cold(runner) == bool(first)
            assert await execute(runner, "import os; os._exit(7)") == Crashed("exit 7")
        assert len(places) == (3 if sandbox == "auto" else 1)


CURIOUS = """\
import os; exec("try:\\n open({secret!r}).close()\\n os.environ['SAW'] = 'read'\\n\
except OSError:\\n os.environ['SAW'] = 'denied'")
"""


@pytest.mark.parametrize(("sandbox", "saw"), [("auto", "denied"), ("off", "read")])
async def test_what_an_environment_runs_when_it_starts_is_confined_too(tmp_path, sandbox, saw):
    secret = tmp_path / "secret"
    secret.write_text("x")
    venv.create(tmp_path / "env", symlinks=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    own = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "curious.pth").write_text(f"{own}\n{CURIOUS.format(secret=str(secret))}")
    packages = Elsewhere(install(tmp_path, "d1"), str(tmp_path / "env/bin/python"))
    confined = {"sandbox": sandbox, "spare": False, "writable": (), "readable": (own,)}
    async with open_process(packages, **confined) as runner:
        assert await execute(runner, "import os; result = os.environ['SAW']") == saw
