"""The node processes of one package: who is idle, who waits, when one more is started.

Promises: tenants are served in turns, and of each the waiting calls first come, first served; short
calls never make a pool grow beyond its initial size and a spare, blocking ones do, computing ones
later; no start is repeated in a hot loop. Only `acquire` and the watch over growth await, so state
changes nowhere else midway.

Calls of async nodes may join others in a process, but not while a call that needs a process of its
own waits, here or in a package that has none: so those that share never keep it from them.

Each stream entitles its package to one process beyond what unary calls share, for as long as the
stream lives, and in the same pool: which process serves which call does not matter, their number
does. So streams, which hold a process until they end, never take one from unary calls.
"""

import os
from typing import Protocol

import attrs
import trio

from axiomd.errors import AxiomdError, Unavailable
from axiomd.execution.call import Crashed, Failure, Lost, NodeCall, Outcome
from axiomd.runners.beside import Company, Learn
from axiomd.runners.environment import PackageCode, Preparing
from axiomd.runners.line import Line
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
ALONE_MAX = 10_000
"""Calls remembered as lost beside others."""
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

    def has_room(self) -> bool:
        """Whether one more process could start without ending another."""
        ...

    def is_any_starved(self, pool: "Pool") -> bool:
        """Whether `starved` would name a package."""
        ...

    def new_company(self, worker: Worker, learn: Learn) -> Company:
        """What lets calls share `worker`, with its socket read."""
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


@attrs.frozen
class Wish:
    """What kind of process a call wants."""

    fresh: bool = False
    """One that has run nothing before."""
    bound: int = 1
    """Calls in it at most, this one counted."""
    node: str = ""


ALONE = Wish()
FRESH = Wish(fresh=True)


@attrs.define(eq=False)
class Waiter:
    """A call that waits for a process."""

    since: float
    wish: Wish
    tenant: str
    task: trio.lowlevel.Task | None = None
    """Who sleeps until it is answered, once it does."""
    answer: "Worker | Ending | None" = None


Ending = Failure | Lost


class Pool:
    """The processes of one package for one tenant."""

    def __init__(self, tenant: str, digest: str, box: Box) -> None:
        self.tenant = tenant
        self.digest = digest
        self._box = box
        self._zygote: Zygote | None = None
        self._zygote_ready = False
        self.may_preload = True
        """Whether its nodes may be imported before processes are forked."""
        self._preparing = False
        """Whether what the package needs is being made; its calls wait, in their order."""
        self.idle: list[Worker] = []
        """Those that ran nothing yet first, the one used last at the end: the front ages."""
        self._alive: set[Worker] = set()
        self._companies: dict[Worker, Company] = {}
        """Of the processes that were last used by calls which may share."""
        self._can_share: dict[str, bool] = {}
        """Of the nodes that said it: whether their calls can run beside others."""
        self._alone: dict[str, None] = {}
        """Effect keys of calls that were lost beside others; the latest ones."""
        self._starting = 0
        self._waiting: Line[Waiter] = Line()
        self._moved_at = trio.current_time()
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

    @property
    def seats(self) -> tuple[int, int]:
        """Calls beyond the first in the processes that are shared, and those that could join."""
        companies = self._companies.values()
        beyond = sum(max(0, company.guests - 1) for company in companies)
        return beyond, sum(company.seats_free for company in companies)

    # --- calls ---

    def wish(self, call: NodeCall) -> Wish:
        """The process that a unary call wants.

        Limits are those of a process, so a call that has some shares with nobody.
        """
        if call.fresh:
            return FRESH
        if call.concurrency <= 1:
            return ALONE
        if (
            call.memory_mib is not None
            or self._box.settings.memory_mib
            or call.cpu_seconds is not None
            or self._can_share.get(call.node) is False
            or call.effect_key in self._alone
        ):
            return ALONE
        return Wish(bound=call.concurrency, node=call.node)

    async def acquire(self, wish: Wish, tenant: str) -> Worker | Ending:
        """A process for one call of a tenant's, or why there is none; `release` it.

        Not a checkpoint when a process can be had: using it is one.
        """
        worker = self._find(wish)
        if worker is not None:
            return worker
        if self._failed is not None and trio.current_time() < self._failed_until:
            await trio.lowlevel.checkpoint()
            return self._failed
        waiter = Waiter(trio.current_time(), wish, tenant)
        self._waiting.append(waiter)
        self.grow()
        if waiter.answer is not None:
            await trio.lowlevel.checkpoint()
            return waiter.answer
        return await self._sleep(waiter)

    def _find(self, wish: Wish) -> Worker | None:
        """A process that the call can have at once."""
        if wish.bound > 1 and not self._waiting:
            worker = self._find_company(wish)
            if worker is not None:
                return worker
        if not self.idle or (wish.fresh and self.idle[0].wear.calls):
            return None
        worker = self.idle.pop(0 if wish.fresh else -1)
        self._give(worker, wish)
        if not self.idle:
            self._keep_spare()
        return worker

    def _find_company(self, wish: Wish) -> Worker | None:
        """A process that the call can share, entered."""
        if not self._can_share.get(wish.node) or self._box.is_any_starved(self):
            return None
        for worker, company in self._companies.items():
            if company.has_room(wish.bound):
                self._give(worker, wish)
                return worker
        return None

    def _give(self, worker: Worker, wish: Wish) -> None:
        worker.wear.calls += 1
        company = self._companies.get(worker)
        if wish.bound > 1:
            if company is None:
                company = self._companies[worker] = self._box.new_company(worker, self._learn)
            company.enter(wish.bound, known=self._can_share.get(wish.node, False))
        elif company is not None:
            self._part(worker)

    def _part(self, worker: Worker) -> None:
        company = self._companies.pop(worker, None)
        if company is not None:
            company.disband()

    def company(self, worker: Worker) -> Company:
        """What a call that wished to share, and got `worker`, runs in."""
        return self._companies[worker]

    def _learn(self, node: str, can_share: bool) -> None:
        self._can_share[node] = can_share
        self._seat_waiting()

    def _seat_waiting(self) -> None:
        """Let those at the front join others, as far as there is room."""
        while self._waiting and (wish := self._waiting.first.wish).bound > 1:
            worker = self._find_company(wish)
            if worker is None:
                return
            self._wake(self._waiting.first, worker)

    def note_lost(self, call: NodeCall) -> None:
        """The call was lost beside others: it runs alone the next time."""
        self._alone[call.effect_key] = None
        if len(self._alone) > ALONE_MAX:
            del self._alone[next(iter(self._alone))]

    def note_ended(self, call: NodeCall, outcome: Outcome) -> None:
        """The call ended in a process of its own."""
        if self._alone and not isinstance(outcome, Crashed | Lost):
            self._alone.pop(call.effect_key, None)

    async def _sleep(self, waiter: Waiter) -> Worker | Ending:
        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiting.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        waiter.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)
        assert waiter.answer is not None
        return waiter.answer

    def release(self, worker: Worker) -> None:
        """A call in `worker` is over."""
        self._moved_at = trio.current_time()
        settings = self._box.settings
        worn = worker.wear.is_out(settings.calls_max, settings.growth_mib_max)
        company = self._companies.get(worker)
        if company is not None and not company.leave():
            company.closed |= worn
            self._seat_waiting()
            return
        other = self._box.starved(self)
        renew = self._is_unfit(worker)
        if other or worker.gone or worn or renew or self._box.is_crowded():
            worker.signal_kill()
            self._drop(worker)
            if other:
                other.grow()
            if renew:
                self._start_one()
            self.grow()
            self._keep_spare()
        else:
            self._offer(worker)

    def _is_unfit(self, worker: Worker) -> bool:
        """Whether `worker` stands in the way of the call that is next, which wants a fresh one,
        and none is on its way."""
        if not self._waiting or not self._waiting.first.wish.fresh:
            return False
        return bool(worker.wear.calls) and self._zygote_ready and not self._starting

    def _offer(self, worker: Worker) -> None:
        unused = not worker.wear.calls
        for waiter in self._waiting:
            if unused or not waiter.wish.fresh:
                self._give(worker, waiter.wish)
                self._wake(waiter, worker)
                self._seat_waiting()
                return
        worker.idle_since = trio.current_time()
        self.idle.insert(0 if unused else len(self.idle), worker)

    def _wake(self, waiter: Waiter, answer: Worker | Ending) -> None:
        self._waiting.serve(waiter)
        waiter.answer = answer
        if waiter.task is not None:
            trio.lowlevel.reschedule(waiter.task)

    def _answer_all(self, ending: Ending) -> None:
        while self._waiting:
            self._wake(self._waiting.first, ending)

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
        # Those that are idle while calls wait are of no use to them: these want fresh ones.
        while self._starting < due and self.size - len(self.idle) < initial and self._start_one():
            due = min(len(self._waiting), STARTING_MAX)
        if self._starting < len(self._waiting) and not self._watched:
            self._watched = True
            self._box.watch_growth(self)

    async def grow_while_stuck(self) -> None:
        """While calls wait: when none ended for a while, start one more process."""
        while self._waiting and self._zygote_ready:
            still_since = max(self._moved_at, self._waiting.since)
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

    def _keep_spare(self) -> None:
        """Start a process ahead of need, where that takes nothing from anybody.

        Called when a call takes or ends a process, never because a spare died.
        """
        if (
            self._box.settings.spare
            and self._zygote_ready
            and not (self.idle or self._waiting or self._starting)
            # Else short calls, each taking the spare of a moment ago, would make the pool grow.
            and self.size <= self._box.settings.processes_initial + self.streams
            and self._box.has_room()
            and not self._box.is_any_starved(self)
        ):
            self._start_one()

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
            self._wake(self._waiting.first, Lost(f"no node process could be started: {reason}"))

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

    @property
    def used_at(self) -> float:
        """When it was last used, or later."""
        return self._moved_at

    @property
    def is_loaded(self) -> bool:
        """Whether it has a zygote."""
        return self._zygote is not None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs, starts or waits in it."""
        busy = len(self._alive) > len(self.idle) or self._starting or self._waiting
        return not (busy or self.streams)

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
        self._part(worker)
        self._alive.discard(worker)
        worker.close()

    def unload(self) -> None:
        """End the processes and the zygote of a quiet package."""
        assert self.is_quiet
        for worker in list(self.idle):
            self.retire(worker)
        if self._zygote is not None:
            self._zygote.hang_up()

    def close(self) -> None:
        """End everything; calls that run are lost. The zygote's `attend` ends when all are dead."""
        self._answer_all(Lost("axiomd is stopping"))
        for worker in self._alive:
            worker.stopping = True
            worker.signal_kill()
        if self._zygote is not None:
            self._zygote.hang_up()
