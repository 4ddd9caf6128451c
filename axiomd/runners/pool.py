"""The node processes of one package: who is idle, who waits, when one more is started.

Promises: waiting calls are served first come, first served; short calls never make a pool grow
beyond its initial size, blocking ones do, computing ones later; no start is repeated in a hot
loop. Only `acquire` and the watch over growth await, so state changes nowhere else midway.

Each stream entitles its package to one process beyond what unary calls share, for as long as the
stream lives, and in the same pool: which process serves which call does not matter, their number
does. So streams, which hold a process until they end, never take one from unary calls.
"""

import os
from collections import deque
from typing import Protocol

import attrs
import trio

from axiomd.errors import AxiomdError, Unavailable
from axiomd.execution.call import Failure, Lost
from axiomd.runners.environment import PackageCode, Preparing
from axiomd.runners.worker import Worker
from axiomd.runners.zygote import Zygote
from axiomd.settings import RunnerSettings

START_AGAIN_S = 1.0
"""Seconds for which a package that could not start answers with the same failure."""
GROW_CHECK_S = 0.001
"""Least seconds between two looks at whether a pool is stuck."""
COMPUTING_PATIENCE = 20
"""How many times longer a call waits for those that keep all cores busy."""
STARTING_MAX = 32
"""Processes that a package starts at a time."""
CORES = len(os.sched_getaffinity(0))


class Packages(Protocol):
    """Where package content is."""

    def code(self, digest: str) -> PackageCode:
        """How to run it. Raises AxiomdError when it cannot be, Preparing when it cannot yet."""
        ...


class Box(Protocol):
    """What a pool may ask of the runner that owns it."""

    @property
    def settings(self) -> RunnerSettings:
        """How many processes, and for how long."""
        ...

    def make_room(self, pool: "Pool") -> bool:
        """Whether `pool` may start one more process, ending an idle one of another if need be."""
        ...

    def starved(self, pool: "Pool") -> "Pool | None":
        """A package whose calls wait and which has no process, or only streaming ones: one of
        `pool` makes room for it."""
        ...

    def is_crowded(self) -> bool:
        """Whether a process must go, as streams ended; ends idle ones first."""
        ...

    def new_zygote(self, pool: "Pool") -> Zygote:
        """A started zygote, attended. Raises AxiomdError, Preparing or OSError."""
        ...

    def wait_prepared(self, pool: "Pool", preparing: Preparing) -> None:
        """Have `pool.prepared` called once that is over."""
        ...

    def watch_growth(self, pool: "Pool") -> None:
        """Have `pool.grow_while_stuck` run."""
        ...


@attrs.define(eq=False)
class Waiter:
    """A call that waits for a process."""

    since: float
    task: trio.lowlevel.Task | None = None
    """Who sleeps until it is answered, once it does."""
    answer: "Worker | Ending | None" = None


Ending = Failure | Lost


class Pool:
    """The processes of one package."""

    def __init__(self, digest: str, box: Box) -> None:
        self.digest = digest
        self._box = box
        self._zygote: Zygote | None = None
        self._zygote_ready = False
        self.may_preload = True
        """Whether its nodes may be imported before processes are forked."""
        self._preparing = False
        """Whether what the package needs is being made; its calls wait, in their order."""
        self.idle: list[Worker] = []
        """The one used last at the end, so that those at the front age."""
        self._alive: set[Worker] = set()
        self._starting = 0
        self._waiting: deque[Waiter] = deque()
        self._moved_at = 0.0
        """When a call last ended or a process was last started."""
        self._watched = False
        self.streams = 0
        """Streams that run in a process of it or wait for one."""
        self._failed: Failure | None = None
        self._failed_until = 0.0

    @property
    def size(self) -> int:
        """Its processes, with those being started."""
        return len(self._alive) + self._starting

    @property
    def shared(self) -> int:
        """Its processes beyond one for each stream: those that count against `processes_max`."""
        return max(0, self.size - self.streams)

    @property
    def waiting(self) -> int:
        """Calls that wait for a process."""
        return len(self._waiting)

    # --- calls ---

    async def acquire(self) -> Worker | Ending:
        """A process for one call, or why there is none; `release` it.

        Not a checkpoint when a process is idle: using it is one.
        """
        if self.idle:
            return self.idle.pop()
        if self._failed is not None and trio.current_time() < self._failed_until:
            await trio.lowlevel.checkpoint()
            return self._failed
        waiter = Waiter(trio.current_time())
        self._waiting.append(waiter)
        self.grow()
        if waiter.answer is not None:
            await trio.lowlevel.checkpoint()
            return waiter.answer
        return await self._sleep(waiter)

    async def _sleep(self, waiter: Waiter) -> Worker | Ending:
        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        waiter.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)
        assert waiter.answer is not None
        return waiter.answer

    def release(self, worker: Worker) -> None:
        """The call in `worker` is over."""
        self._moved_at = trio.current_time()
        other = self._box.starved(self)
        if other or worker.gone or self._box.is_crowded():
            worker.signal_kill()
            self._drop(worker)
            if other:
                other.grow()
            self.grow()
        else:
            self._offer(worker)

    def _offer(self, worker: Worker) -> None:
        if self._waiting:
            self._wake(worker)
        else:
            worker.idle_since = trio.current_time()
            self.idle.append(worker)

    def _wake(self, answer: Worker | Ending) -> None:
        waiter = self._waiting.popleft()
        waiter.answer = answer
        if waiter.task is not None:
            trio.lowlevel.reschedule(waiter.task)

    def _answer_all(self, ending: Ending) -> None:
        while self._waiting:
            self._wake(ending)

    # --- growth ---

    def grow(self) -> None:
        """Start what the waiting calls are due: up to the initial size at once, more if stuck."""
        if not self._waiting or self._preparing:
            return
        if self._zygote is None:
            self._start_zygote()
            return
        if not self._zygote_ready:
            return
        initial = self._box.settings.processes_initial + self.streams
        due = min(len(self._waiting), STARTING_MAX)
        while self._starting < due and self.size < initial and self._start_one():
            due = min(len(self._waiting), STARTING_MAX)
        if self._starting < len(self._waiting) and not self._watched:
            self._watched = True
            self._box.watch_growth(self)

    async def grow_while_stuck(self) -> None:
        """While calls wait: when none ended for a while, start one more process."""
        while self._waiting and self._zygote_ready:
            still_since = max(self._moved_at, self._waiting[0].since)
            due = still_since + self._box.settings.grow_after_ms / 1000
            if trio.current_time() >= due:
                # Only now is it worth asking the kernel what the processes are doing.
                due = still_since + self._patience_s()
            if trio.current_time() < due:
                await trio.sleep_until(due)
            elif await self._is_stuck():
                self._start_one()
                self._moved_at = trio.current_time()
        self._watched = False

    def _patience_s(self) -> float:
        """How long no call may end; more while every core computes, as one more process would
        only slow the others down."""
        patience = max(self._box.settings.grow_after_ms / 1000, GROW_CHECK_S)
        computing = sum(worker.is_computing() for worker in self._alive)
        return patience * COMPUTING_PATIENCE if computing >= CORES else patience

    async def _is_stuck(self) -> bool:
        """Whether still no call ended once the loop has read every answer that is there."""
        before = self._moved_at
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        return bool(self._waiting) and self._zygote_ready and self._moved_at == before

    def _start_one(self) -> bool:
        assert self._zygote is not None
        if not self._box.make_room(self):
            return False
        self._starting += 1
        self._moved_at = trio.current_time()
        try:
            self._zygote.fork()
        except OSError as failure:
            self.worker_not_started(str(failure))
            return False
        return True

    def _start_zygote(self) -> None:
        try:
            self._zygote = self._box.new_zygote(self)
        except Preparing as preparing:
            self._preparing = True
            self._box.wait_prepared(self, preparing)
        except Unavailable as refusal:
            self._answer_all(Lost(refusal.message))
        except AxiomdError as failure:
            self._fail(failure.message, "")
        except OSError as failure:
            # The box's doing, out of descriptors or memory: it may be over in a moment.
            self._answer_all(Lost(f"the package's zygote could not be started: {failure}"))

    def prepared(self) -> None:
        """What the package needs is there, or will not be: `new_zygote` tells."""
        self._preparing = False
        self.grow()

    def _fail(self, reason: str, detail: str) -> None:
        self._failed = Failure("LOAD_ERROR", f"the package cannot be loaded: {reason}", detail)
        self._failed_until = trio.current_time() + START_AGAIN_S
        self._answer_all(self._failed)

    # --- what the zygote tells (ZygoteListener) ---

    def zygote_ready(self) -> None:
        """It can fork now."""
        self._zygote_ready = True
        self._failed = None
        self.grow()

    def worker_started(self, worker: Worker) -> None:
        """A process more."""
        self._starting -= 1
        self._alive.add(worker)
        if self._box.is_crowded():
            # The stream that it was started for is over already.
            worker.signal_kill()
            self._drop(worker)
        else:
            self._offer(worker)
        self.grow()

    def worker_not_started(self, reason: str) -> None:
        """The box cannot have one more now: who waits for it is told, and may come again."""
        self._starting -= 1
        if self._waiting and len(self._alive) <= self.streams:
            # No process comes back soon: one that streams may itself wait for this very call.
            self._wake(Lost(f"no node process could be started: {reason}"))

    def worker_ended(self, worker: Worker) -> None:
        """A process died: if it was idle, nobody else will notice."""
        if worker in self.idle:
            self._forget(worker)

    def zygote_ended(self, lost: bool, reason: str, detail: str) -> None:
        """It is dead, and so are its processes; the next call starts another."""
        why = "the package's zygote died"
        unready = not self._zygote_ready
        if unready:
            why = f"the package could not be started: {reason}"
        self._zygote = None
        self._zygote_ready = False
        self._starting = 0
        for worker in list(self.idle):
            self._drop(worker)
        if unready and self.may_preload:
            # What is imported may have ended it, or hang. Once more, with nothing imported: then
            # it is the affair of the call that needs it.
            self.may_preload = False
            self.grow()
        elif lost:
            self._answer_all(Lost(why))
        else:
            self._fail(reason, detail)

    # --- shrinking ---

    def retire(self, worker: Worker) -> None:
        """End a process that runs no call."""
        worker.signal_kill()
        self._forget(worker)

    def retire_idle(self, before: float, keep: int) -> None:
        """End the processes that were idle since before a time, but for the `keep` last used."""
        while len(self.idle) > keep and self.idle[0].idle_since < before:
            self.retire(self.idle[0])

    def _forget(self, worker: Worker) -> None:
        self._drop(worker)
        self.grow()

    def _drop(self, worker: Worker) -> None:
        if worker in self.idle:
            self.idle.remove(worker)
        self._alive.discard(worker)
        worker.close()

    def close(self) -> None:
        """End everything; calls that run are lost. The zygote's `attend` ends when all are dead."""
        self._answer_all(Lost("axiomd is stopping"))
        for worker in self._alive:
            worker.stopping = True
            worker.signal_kill()
        if self._zygote is not None:
            self._zygote.hang_up()
