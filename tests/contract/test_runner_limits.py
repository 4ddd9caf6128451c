"""Memory and processor time of calls: who reaches a limit fails, and nobody else notices."""

import time

import pytest
import trio
from node_package import answer, call, ignore, install, stream_call
from runner_lab import drain, every_sandbox, execute, open_process

from axiomd.execution.call import Crashed, Failure, Output

HUNGRY = "kept = [bytearray(1 << 20) for _ in range(4096)]"
BUSY = "while True: pass"
COUNT_MEMORY = """
    import resource
    result = resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20
"""


@every_sandbox
async def test_a_node_at_its_memory_limit_fails_and_its_neighbour_does_not_notice(
    packages, sandbox
):
    outcomes = {}
    async with open_process(packages, sandbox=sandbox) as runner:

        async def one(name, code, memory_mib):
            outcomes[name] = await execute(runner, code, memory_mib=memory_mib)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, "hungry", HUNGRY, 64)
            nursery.start_soon(one, "neighbour", "x = bytearray(200 << 20); result = len(x)", None)
    assert outcomes["neighbour"] == str(200 << 20)
    assert outcomes["hungry"].kind == "OUT_OF_MEMORY"
    assert "64 MiB" in outcomes["hungry"].message
    assert outcomes["hungry"].classes[0] == "MemoryError"
    assert "execute" in outcomes["hungry"].detail


async def test_what_a_node_starts_has_the_same_limit(packages):
    code = """
        import subprocess, sys
        ran = subprocess.run([sys.executable, "-c", "bytearray(200 << 20)"], capture_output=True)
        result = b"MemoryError" in ran.stderr
    """
    async with open_process(packages) as runner:
        assert await execute(runner, code, memory_mib=100) == "True"
        assert await execute(runner, code) == "False"


async def test_each_call_has_its_own_limit_whatever_ran_before(packages):
    """In one process, which calls of several placements share."""
    async with open_process(packages, processes_initial=1, spare=False, memory_mib=500) as runner:
        for memory_mib, wanted in ((100, "100"), (None, "500"), (2000, "2000"), (100, "100")):
            assert await execute(runner, COUNT_MEMORY, memory_mib=memory_mib) == wanted
        assert runner.statistics()["processes"] == 1


async def test_a_limit_ends_with_its_call(packages):
    async with open_process(packages, processes_initial=1, spare=False) as runner:
        assert await execute(runner, COUNT_MEMORY, memory_mib=100) == "100"
        large = "x = bytearray(200 << 20); result = len(x)"
        assert await execute(runner, large) == str(200 << 20)
        assert runner.statistics()["processes"] == 1


async def test_without_a_limit_a_memory_error_is_the_nodes_own(packages):
    async with open_process(packages) as runner:
        outcome = await execute(runner, "bytearray(1 << 60)")
        assert (outcome.kind, outcome.message) == ("NODE_ERROR", "MemoryError")


async def test_a_process_that_reached_its_memory_limit_serves_nobody_else(packages):
    keep = "import builtins; builtins.kept = []\nwhile True: kept.append(bytearray(1 << 20))"
    async with open_process(packages, processes_initial=1) as runner:
        assert (await execute(runner, keep, memory_mib=64)).kind == "OUT_OF_MEMORY"
        again = await execute(runner, "result = len(bytearray(9 << 20))", memory_mib=64)
        assert again == str(9 << 20), "a process that keeps what it took cannot serve this"


async def test_a_module_that_needs_too_much_memory_is_out_of_memory(tmp_path):
    packages = install(tmp_path, "d1", greedy="x = bytearray(1 << 30)\ndef greedy(ax, input): 0\n")
    async with open_process(packages, preload=False) as runner:
        outcome = await runner.run(call("Greedy", memory_mib=64), ignore)
        assert outcome.kind == "OUT_OF_MEMORY"


async def test_a_library_that_aborts_at_its_memory_limit_says_so(packages):
    async with open_process(packages) as runner:
        outcome = await execute(runner, "import os; os.abort()", memory_mib=64)
        assert outcome == Crashed("SIGABRT, with a memory limit of 64 MiB")
        assert await execute(runner, "import os; os.abort()") == Crashed("SIGABRT")


async def test_a_stream_at_its_memory_limit_fails(tmp_path):
    source = """
from gen.messages_pb2 import Answer
def greedy(ax, inputs):
    yield Answer(count=1)
    x = bytearray(1 << 30)
"""
    packages = install(tmp_path, "d1", greedy=source)
    async with open_process(packages, spare=False) as runner:
        async with runner.stream(stream_call("Greedy", memory_mib=64), ignore) as stream:
            frames, outcome = await drain(stream)
        assert [answer(frame).count for frame in frames] == [1]
        assert outcome.kind == "OUT_OF_MEMORY"
        assert runner.statistics()["processes"] == 0


@every_sandbox
@pytest.mark.parametrize("code", [BUSY, "sum(range(10**13))"])
async def test_a_call_that_uses_up_its_processor_time_is_ended(packages, sandbox, code):
    """In Python, and in C code that never lets go."""
    async with open_process(packages, sandbox=sandbox) as runner:
        began = time.monotonic()
        outcome = await execute(runner, code, cpu_seconds=1)
        assert outcome == Failure(
            "TIMEOUT", "used up its 1 s of processor time; its process was killed"
        )
        assert 0.5 < time.monotonic() - began < 15
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


async def test_processor_time_is_counted_for_each_call(packages):
    """What earlier calls of the process have used is not charged, nor what later ones use."""
    burn = """
        import time, os
        end = time.process_time() + 1.3
        while time.process_time() < end: pass
        result = os.getpid()
    """
    async with open_process(packages, processes_initial=1) as runner:
        first = await execute(runner, burn)
        assert await execute(runner, burn, cpu_seconds=2) == first
        assert await execute(runner, burn, cpu_seconds=2) == first
        assert await execute(runner, burn) == first


@every_sandbox
async def test_only_strict_keeps_node_code_from_raising_its_limit(packages, sandbox):
    raised = """
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
        x = bytearray(200 << 20)
    """
    async with open_process(packages, sandbox=sandbox) as runner:
        outcome = await execute(runner, raised, memory_mib=64)
        if sandbox == "auto":
            assert outcome == ""
        else:
            assert outcome.message.startswith("ValueError: not allowed to raise")
            large = "x = bytearray(200 << 20); result = len(x)"
            assert await execute(runner, large) == str(200 << 20), "the process went with it"
