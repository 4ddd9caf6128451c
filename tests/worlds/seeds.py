"""Chance and time for tests: one integer reproduces everything that happened.

The only place that knows how trio's scheduler is seeded; that switch is trio's own, made for
Hypothesis, and private.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import trio
import trio.testing
from trio._core import _run

from axiomd.clock import NS_PER_S
from axiomd.ids import Ids

T = TypeVar("T")

_EPOCH_NS = 1_767_225_600_000_000_000


class TickingClock:
    """A wall clock that moves with trio's time, and by a microsecond with each look at it."""

    def __init__(self) -> None:
        self._now_ns = _EPOCH_NS
        self._run: trio.lowlevel.TrioToken | None = None
        self._seen_s = 0.0

    def now_ns(self) -> int:
        if trio.lowlevel.in_trio_run():
            run, now_s = trio.lowlevel.current_trio_token(), trio.current_time()
            if run is self._run:
                self._now_ns += int((now_s - self._seen_s) * NS_PER_S)
            self._run, self._seen_s = run, now_s
        self._now_ns += 1_000
        return self._now_ns

    def advance(self, ns: int) -> None:
        self._now_ns += ns


def seeded_ids(clock: TickingClock, seed: int) -> Ids:
    return Ids(clock, random.Random(seed).randbytes)


@contextmanager
def seeded_scheduler(seed: int) -> Iterator[None]:
    """Let trio run its tasks in an order that depends on nothing but `seed`."""
    before = _run._ALLOW_DETERMINISTIC_SCHEDULING, _run._r
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True
    _run._r = random.Random(seed)
    try:
        yield
    finally:
        _run._ALLOW_DETERMINISTIC_SCHEDULING, _run._r = before


def run_seeded(seed: int, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """`trio.run`, in an order given by `seed` and with a clock that jumps over every wait."""
    with seeded_scheduler(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(partial(function, *arguments), clock=clock)


async def run_inline(function: Callable[..., T], /, *arguments: Any) -> T:
    """What tests give as `run_blocking`: a jumping clock does not wait for threads."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)
