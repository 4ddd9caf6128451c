"""How a node call ends and what its node says: every runner keeps this, chaos included."""

import os

import attrs
import pytest
import trio
from chaos import Chaos, ChaosRunner
from node_package import answer, ask, call, ignore, stream_call
from runner_lab import (
    INLINE,
    PAYLOAD_MAX,
    every_runner,
    open_process,
    open_runner,
    wait_for,
)

from axiomd.execution.call import (
    COOPERATIVE,
    KILLED,
    STARTED,
    Failure,
    FilePart,
    Lost,
    NodeEvent,
    Output,
)
from axiomd.limits import MIB
from axiomd.runners.inline import InlineRunner

# --- every runner ---------------------------------------------------------------------------------


@every_runner
async def test_a_call_ends_with_the_output_of_its_node(kind, packages):
    async with open_runner(kind, packages) as runner:
        for text in ("a", "b", "c"):
            outcome = await runner.run(call("Echo", ask(text=text)), ignore)
            assert isinstance(outcome, Output)
            assert answer(outcome.payload).text == text


@every_runner
async def test_an_input_may_lie_in_files_one_part_behind_the_other(kind, packages, tmp_path):
    text = "long" * (MIB // 3)
    content = ask(text=text)
    cut = len(content) - 5
    (tmp_path / "part").write_bytes(content[3:cut])
    part = FilePart(str(tmp_path / "part"), cut - 3)
    async with open_runner(kind, packages) as runner:
        for _ in range(2):
            parted = attrs.evolve(call("Echo", b""), payload=(content[:3], part, content[cut:]))
            outcome = await runner.run(parted, ignore)
            assert isinstance(outcome, Output)
            assert answer(outcome.payload).text == text


@every_runner
async def test_an_exception_of_the_node_is_a_failure_with_its_traceback(kind, packages):
    async with open_runner(kind, packages) as runner:
        outcome = await runner.run(call("Fail", ask(text="tea")), ignore)
        assert isinstance(outcome, Failure)
        assert (outcome.kind, outcome.message) == ("NODE_ERROR", "ValueError: no tea")
        assert 'raise ValueError("no " + ' in outcome.detail
        if kind != "inline":
            assert outcome.detail.splitlines()[1] == '  File "nodes/fail.py", line 3, in fail'


@every_runner
async def test_a_call_that_takes_too_long_fails_with_timeout(kind, packages, tmp_path):
    async with open_runner(kind, packages) as runner:
        late = call("Sleepy", ask(text=str(tmp_path / "pid")), timeout_s=0.2)
        outcome = await runner.run(late, ignore)
        assert isinstance(outcome, Failure)
        assert outcome.kind == "TIMEOUT"
        assert "0.2 s" in outcome.message


@every_runner
async def test_cancelling_a_call_frees_the_caller(kind, packages, tmp_path):
    async with open_runner(kind, packages) as runner:
        with trio.move_on_after(0.3) as scope:
            await runner.run(call("Sleepy", ask(text=str(tmp_path / "pid"))), ignore)
        assert scope.cancelled_caught
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


@every_runner
async def test_a_call_is_said_to_have_started_before_its_node_says_anything(kind, packages):
    async with open_runner(kind, packages) as runner:
        said = []
        assert isinstance(await runner.run(call("Echo"), said.append), Output)
        assert said[0] == STARTED
        said.clear()
        async with runner.stream(stream_call("Upper"), said.append):
            assert said[0] == STARTED


@every_runner
async def test_a_cancelled_call_says_how_it_was_stopped(kind, packages, tmp_path):
    expected = COOPERATIVE if kind == "inline" else KILLED
    async with open_runner(kind, packages) as runner, trio.open_nursery() as nursery:
        for node in ("Sleepy", "Upper"):
            said = []

            async def one(said=said, node=node):
                if node == "Sleepy":
                    await runner.run(call(node, ask(text=str(tmp_path / "pid"))), said.append)
                else:
                    async with runner.stream(stream_call(node), said.append):
                        await trio.sleep_forever()

            scope = trio.CancelScope()
            nursery.start_soon(within, scope, one)
            await wait_for(lambda said=said: said)
            scope.cancel()
            await wait_for(lambda said=said: said[-1] != STARTED)
            assert all(event in (STARTED, expected) for event in said)


async def within(scope, function):
    with scope:
        await function()


@every_runner
async def test_an_unknown_node_is_a_load_error(kind, packages):
    async with open_runner(kind, packages) as runner:
        assert (await runner.run(call("Missing"), ignore)).kind == "LOAD_ERROR"


# --- what a node returns and says -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "kind", "message"),
    [
        ("Wrong", "BAD_OUTPUT", "returned t.Ask, declared t.Answer"),
        ("Nothing", "BAD_OUTPUT", "returned NoneType, declared t.Answer"),
        ("Leave", "NODE_ERROR", "SystemExit: 3"),
        ("Unnamed", "LOAD_ERROR", "nodes/unnamed.py has no function unnamed"),
        ("Broken", "LOAD_ERROR", "nodes/broken.py cannot be loaded: ModuleNotFoundError: "),
        ("Syntax", "LOAD_ERROR", "nodes/syntax.py cannot be loaded: SyntaxError: "),
    ],
)
async def test_faults_of_the_node_are_told_apart(packages, node, kind, message):
    async with open_process(packages, spare=False) as runner:
        outcome = await runner.run(call(node), ignore)
        assert isinstance(outcome, Failure)
        assert outcome.kind == kind
        assert outcome.message.startswith(message)
        assert isinstance(await runner.run(call("Echo"), ignore), Output)
        assert runner.statistics()["processes"] == 1


async def test_a_coroutine_handler_is_awaited(packages):
    async with open_process(packages) as runner:
        outcome = await runner.run(call("EchoAsync", ask(text="x")), ignore)
        assert answer(outcome.payload).text == "x"


async def test_the_context_tells_the_node_where_it_is(packages):
    async with open_process(packages) as runner:
        changes = {
            "config": {"k": "v"},
            "secrets": {"TOKEN": "s"},
            "reflection": '{"nodes": [{"alias": "first"}]}',
            "resume_index": 4,
        }
        for attempt in (2, 3):
            outcome = await runner.run(call("Context", **changes, attempt=attempt), ignore)
            expected = f"{'e' * 32}|G1|default|p|{attempt}|key|4|v|s|True|('', False)|first"
            assert answer(outcome.payload).text == expected
        outcome = await runner.run(call("Context", **changes | {"config": {"k": "w"}}), ignore)
        assert "|w|" in answer(outcome.payload).text


async def test_what_a_node_says_becomes_events(packages):
    said = []
    async with open_process(packages) as runner:
        outcome = await runner.run(call("Talk"), said.append)
        assert isinstance(outcome, Output)
    assert said[:4] == [
        STARTED,
        NodeEvent("log", "info", "hello", {"a": "1", "b": "None"}),
        NodeEvent("log", "warn", "?"),
        NodeEvent("progress", "", "half", fraction=0.5),
    ]
    texts = [(event.level, event.message) for event in said[4:]]
    assert sorted(texts) == [
        ("stderr", "err"),
        ("stdout", "one"),
        ("stdout", "rest\N{REPLACEMENT CHARACTER}"),
        ("stdout", "two"),
    ]


async def test_large_payloads_pass_and_larger_ones_fail(packages):
    async with open_process(packages) as runner:
        blob = os.urandom(MIB)
        outcome = await runner.run(call("Echo", ask(blob=blob)), ignore)
        assert answer(outcome.payload).blob == blob
        outcome = await runner.run(call("Big", ask(count=PAYLOAD_MAX)), ignore)
        assert outcome.kind == "PAYLOAD_TOO_LARGE"
        assert str(PAYLOAD_MAX) in outcome.message
        assert isinstance(await runner.run(call("Echo"), ignore), Output)


# --- chaos ----------------------------------------------------------------------------------------


async def test_chaos_answers_late_loses_and_repeats():
    runs = []

    async def node(node_call, emit):
        runs.append(node_call.attempt)
        await trio.sleep(0.001)
        return b"out"

    runner = ChaosRunner(InlineRunner({"Echo": node}), seed=7)
    outcomes = []
    for attempt in range(200):
        with trio.move_on_after(0.005):
            outcomes.append(await runner.run(call("Echo", attempt=attempt), ignore))
    assert set(runner.mishaps) == {"delay", "lose_before", "lose_after", "twice", "late"}
    assert {Output(b"out"), Lost("chaos: before it ran"), Lost("chaos: after it ran")} == set(
        outcomes
    )
    assert len(runs) != len(set(runs))


async def test_the_same_seed_brings_the_same_chaos():
    seen = []
    for _ in range(2):
        runner = ChaosRunner(INLINE, 3, Chaos(delay=0))
        seen.append([await runner.run(call("Echo"), ignore) for _ in range(50)])
    assert seen[0] == seen[1]
