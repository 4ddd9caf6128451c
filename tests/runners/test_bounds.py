"""What limits a call has, and what the end of its process means under them."""

import attrs
import pytest
from contract.node_package import CALL

from axiomd.execution.call import Crashed, Failure, Lost, Output
from axiomd.runners.bounds import Bounds

BOX = Bounds(500)


@pytest.mark.parametrize(
    ("of_call", "expected"), [({}, (500, 0)), ({"memory_mib": 9, "cpu_seconds": 2}, (9, 2))]
)
def test_a_placements_limits_win_over_those_of_the_box(of_call, expected):
    limits = BOX.of(attrs.evolve(CALL, **of_call))
    assert (limits["memory_mib"], limits["cpu_seconds"], limits["hard"]) == (*expected, False)
    assert Bounds().of(CALL) == {"memory_mib": 0, "cpu_seconds": 0, "hard": False}


@pytest.mark.parametrize(
    ("outcome", "of_call", "expected"),
    [
        (Output(b""), {}, Output(b"")),
        (Lost("x"), {}, Lost("x")),
        (Crashed("exit 7"), {}, Crashed("exit 7")),
        (Crashed("SIGABRT"), {}, Crashed("SIGABRT, with a memory limit of 500 MiB")),
        (Crashed("SIGSEGV"), {"memory_mib": 9}, Crashed("SIGSEGV, with a memory limit of 9 MiB")),
        (Crashed("SIGXCPU"), {}, Crashed("SIGXCPU")),
        (
            Crashed("SIGXCPU"),
            {"cpu_seconds": 2},
            Failure("TIMEOUT", "used up its 2 s of processor time; its process was killed"),
        ),
    ],
)
def test_a_death_at_a_limit_says_so(outcome, of_call, expected):
    assert BOX.judge(attrs.evolve(CALL, **of_call), outcome) == expected


@pytest.mark.parametrize(
    ("bounds", "of_call", "outcome", "spoiled"),
    [
        (BOX, {}, Output(b""), False),
        (BOX, {"cpu_seconds": 1}, Output(b""), False),
        (BOX, {}, Failure("OUT_OF_MEMORY", ""), True),
        (Bounds(hard=True), {}, Output(b""), False),
        (Bounds(hard=True), {"cpu_seconds": 1}, Output(b""), True),
        (Bounds(500, hard=True), {}, Output(b""), True),
    ],
)
def test_a_process_is_kept_while_its_limits_can_be_lifted(bounds, of_call, outcome, spoiled):
    assert bounds.spoiled(attrs.evolve(CALL, **of_call), outcome) is spoiled
