"""The default runner: every node call in a process of its tenant's pool of its package.

Owns the pools and the nursery that attends their zygotes. A sync node has its process to itself
while it runs, so that killing the process ends exactly one call; async nodes with `concurrency`
may share one (`beside.py`).

Nobody can wait in a circle: unary calls share `processes_max` processes that only unary calls
hold, and these end by themselves; streams have processes beyond those, for which only an
execution without a stream has to wait (`places.py`).
"""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import trio

from axiomd.disk import no_room
from axiomd.errors import Unavailable
from axiomd.execution.call import (
    KILLED,
    STARTED,
    Crashed,
    Failure,
    Lost,
    NodeCall,
    Outcome,
    Output,
)
from axiomd.measures import Measures, NodeCalls
from axiomd.runners.base import Emit, NodeStream
from axiomd.runners.beside import Company, Learn
from axiomd.runners.bounds import Bounds
from axiomd.runners.child.wire import JOIN
from axiomd.runners.environment import Preparing
from axiomd.runners.frames import RunFrames
from axiomd.runners.orphans import kill_marked
from axiomd.runners.places import StreamPlaces
from axiomd.runners.pool import ALONE, FRESH, Ending, Packages, Pool
from axiomd.runners.sandbox import MARK, choose_sandbox
from axiomd.runners.scratch import Scratch
from axiomd.runners.stream import WorkerStream
from axiomd.runners.worker import Worker, timed_out
from axiomd.runners.zygote import Home, Mode, Zygote
from axiomd.settings import RunnerSettings

STOPPING = Lost("axiomd is stopping")
NO_ROOM_S = 0.5
"""Seconds between two starts of a package on a disk without room for its scratch."""
REAP_PERIODS = 4
"""How often in `idle_s` idle processes are looked for."""

_ENDS: Mapping[type, str] = {
    Output: "completed",
    Failure: "failed",
    Crashed: "crashed",
    Lost: "lost",
    type(None): "cancelled",
}


class ProcessRunner:
    """Runs node calls in node processes."""

    def __init__(
        self,
        settings: RunnerSettings,
        packages: Packages,
        nursery: trio.Nursery,
        *,
        home: Home,
        nodes_lock_fd: int,
        payload_bytes_max: int,
        measures: Measures,
    ) -> None:
        """Use `open_process_runner`."""
        self._measures = measures
        self._counted: dict[tuple[str, str], NodeCalls] = {}
        """By package content and node."""
        self.settings = settings
        self._home = home
        self._packages = packages
        self._nursery = nursery
        self._lock_fd = nodes_lock_fd
        self._payload_max = payload_bytes_max
        self._bounds = Bounds(settings.memory_mib, hard=home.sandbox.is_strict)
        self._frames = RunFrames(payload_bytes_max, self._bounds)
        self._pools: dict[tuple[str, str], Pool] = {}
        """By tenant and digest: what code keeps in its process is never another tenant's."""
        self._starved: deque[Pool] = deque()
        self._places = StreamPlaces(settings.streams_max)
        self._may_be_crowded = False
        self._calls = 0
        self._in_flight = 0
        self._streams = 0
        self._stopping = False

    # --- Runner ---

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node to its end; `call.timeout_s` seconds at most, from its start."""
        pool = self._pool(call.tenant, call.digest)
        if self._stopping:
            await trio.lowlevel.checkpoint()
            return STOPPING
        wish = pool.wish(call)
        worker = await pool.acquire(wish, call.tenant)
        if not isinstance(worker, Worker):
            self._count(call, worker)
            return worker
        self._calls += 1
        self._in_flight += 1
        began, outcome = perf_counter(), None
        try:
            emit(STARTED)
            if wish.bound > 1:
                outcome = await self._run_beside(pool, worker, call, emit)
            else:
                outcome = await self._run_alone(pool, worker, call, emit)
            return outcome
        finally:
            self._in_flight -= 1
            pool.release(worker)
            self._count(call, outcome, began)

    def _count(self, call: NodeCall, outcome: Outcome | None, began: float | None = None) -> None:
        """A call is over; it `began` when a process had it, if one did."""
        key = (call.digest, call.node)
        counted = self._counted.get(key)
        if counted is None:
            package = call.package.partition("@")[0]
            counted = self._counted[key] = self._measures.node(package, call.node)
        how = _ENDS[type(outcome)]
        counted.ends[how] = counted.ends.get(how, 0) + 1
        if began is not None:
            counted.seconds.observe(perf_counter() - began)

    async def _run_alone(self, pool: Pool, worker: Worker, call: NodeCall, emit: Emit) -> Outcome:
        number = self._calls
        outcome: Outcome | None = None
        try:
            with trio.move_on_after(call.timeout_s):
                frame = self._frames.frame(call, number, call.payload)
                outcome = await worker.run(frame, number, emit)
        except trio.Cancelled:
            await worker.kill()
            emit(KILLED)
            raise
        finally:
            if outcome is None:
                await worker.kill()
            elif call.fresh or self._bounds.spoiled(call, outcome):
                worker.signal_kill()
        ended = self._bounds.judge(call, outcome) if outcome else timed_out(call.timeout_s)
        pool.note_ended(call, ended)
        return ended

    async def _run_beside(self, pool: Pool, worker: Worker, call: NodeCall, emit: Emit) -> Outcome:
        number = self._calls
        frame = self._frames.frame(call, number, call.payload, JOIN)
        outcome, how = await pool.company(worker).run(
            frame, number, call.node, emit, call.timeout_s
        )
        if isinstance(outcome, Lost):
            pool.note_lost(call)
        return outcome or timed_out(call.timeout_s, how)

    @asynccontextmanager
    async def stream(self, call: NodeCall, emit: Emit) -> AsyncIterator[NodeStream]:
        """Start a pipeline node; leaving the context kills it if it has not ended."""
        await self._places.take(call.execution_id)
        pool = self._pool(call.tenant, call.digest)
        pool.streams += 1
        worker: Worker | Ending | None = None
        try:
            wish = FRESH if call.fresh else ALONE
            worker = STOPPING if self._stopping else await pool.acquire(wish, call.tenant)
            if isinstance(worker, Worker):
                async with self._streaming(worker, call, emit) as stream:
                    yield stream
            else:
                self._count(call, worker)
                yield EndedStream(worker)
        finally:
            pool.streams -= 1
            self._may_be_crowded = True
            if isinstance(worker, Worker):
                pool.release(worker)
            self._places.give_back(call.execution_id)

    @asynccontextmanager
    async def _streaming(
        self, worker: Worker, call: NodeCall, emit: Emit
    ) -> AsyncIterator[NodeStream]:
        self._calls += 1
        self._in_flight += 1
        self._streams += 1
        began = perf_counter()
        stream = WorkerStream(worker, call, self._calls, emit, self._bounds)
        try:
            emit(STARTED)
            await stream.start(self._frames.frame(call, self._calls, b""))
            yield stream
        finally:
            if not stream.reusable or self._bounds.spoiled(call, stream.outcome):
                await worker.kill()
            elif call.fresh:
                worker.signal_kill()
            if stream.outcome is None:
                emit(KILLED)
            self._in_flight -= 1
            self._streams -= 1
            self._count(call, stream.outcome, began)

    def capacity(self) -> int:
        """Unary calls that could start now without waiting for another to end."""
        seats = [pool.seats for pool in self._pools.values()]
        busy = self._in_flight - self._streams - sum(beyond for beyond, _ in seats)
        free = sum(free for _, free in seats)
        return max(0, self.settings.processes_max - busy - self._waiting()) + free

    def statistics(self) -> dict[str, int]:
        """Packages loaded, processes, calls in flight, calls waiting, streams among both apart."""
        return {
            "zygotes": sum(pool.is_loaded for pool in self._pools.values()),
            "processes": self._processes(),
            "processes_idle": sum(len(pool.idle) for pool in self._pools.values()),
            "calls_in_flight": self._in_flight,
            "calls_waiting": self._waiting() + self._places.waiting,
            "streams": self._streams,
            "streams_waiting": self._places.waiting,
        }

    # --- Box: what pools ask ---

    def make_room(self, pool: Pool) -> bool:
        """Whether `pool` may start one more process, ending an idle one of another if need be."""
        if self._stopping:
            return False
        if pool.size < pool.streams:
            return True
        while self._shared() >= self.settings.processes_max:
            if not self._retire_oldest():
                if pool.shared == 0 and pool not in self._starved:
                    self._starved.append(pool)
                return False
        return True

    def has_room(self) -> bool:
        """Whether one more process could start without ending another."""
        return not self._stopping and self._shared() < self.settings.processes_max

    def is_any_starved(self, pool: Pool) -> bool:
        """Whether `starved` would name a package."""
        return any(
            other is not pool and other.waiting and other.shared == 0 for other in self._starved
        )

    def starved(self, pool: Pool) -> Pool | None:
        """A package whose calls wait and which has no process, or only streaming ones: one of
        `pool` makes room for it."""
        while self._starved:
            other = self._starved.popleft()
            if other is not pool and other.waiting and other.shared == 0:
                return other
        return None

    def is_crowded(self) -> bool:
        """Whether a process must go, as streams ended; ends idle ones first."""
        while self._may_be_crowded:
            if self._shared() <= self.settings.processes_max:
                self._may_be_crowded = False
            elif not self._retire_oldest():
                return True
        return False

    def _retire_oldest(self) -> bool:
        """End the process that was idle for longest, if any is."""
        idle = [pool for pool in self._pools.values() if pool.idle]
        if idle:
            oldest = min(idle, key=lambda pool: pool.idle[0].idle_since)
            oldest.retire(oldest.idle[0])
        return bool(idle)

    def new_company(self, worker: Worker, learn: Learn) -> Company:
        """What lets calls share `worker`, with its socket read."""
        company = Company(worker, self.settings.cancel_grace_s, learn)
        self._nursery.start_soon(company.read)
        return company

    def new_zygote(self, pool: Pool) -> Zygote:
        """A started zygote, attended. Raises AxiomdError, Preparing or OSError."""
        if self._stopping:
            raise Unavailable("axiomd is stopping")
        self._unload_for(pool)
        code = self._packages.code(pool.digest)
        mode = self._mode(pool)
        try:
            zygote = Zygote(code, self._lock_fd, self._payload_max, pool, self._home, mode=mode)
        except OSError as failure:
            if no_room(failure):
                # Its calls wait for room as outputs do, and lose nothing by it.
                raise Preparing(partial(trio.sleep, NO_ROOM_S)) from failure
            raise
        self._nursery.start_soon(zygote.attend, self.settings.start_timeout_s)
        return zygote

    def _mode(self, pool: Pool) -> Mode:
        if not pool.may_preload:
            return "plain"
        return "warm" if self.settings.preload else "cold"

    def wait_prepared(self, pool: Pool, preparing: Preparing) -> None:
        """Have `pool.prepared` called once that is over."""
        self._nursery.start_soon(self._prepare, pool, preparing)

    async def _prepare(self, pool: Pool, preparing: Preparing) -> None:
        await preparing.ended()
        pool.prepared()

    def watch_growth(self, pool: Pool) -> None:
        """Have `pool.grow_while_stuck` run."""
        self._nursery.start_soon(pool.grow_while_stuck)

    # --- its own life ---

    async def retire_idle_forever(self) -> None:
        """End processes that were not used for `idle_s`, but for one of each package; after
        `zygote_idle_s` all of the package."""
        period = min(self.settings.idle_s, self.settings.zygote_idle_s) / REAP_PERIODS
        while True:
            await trio.sleep(period)
            self._retire_idle(trio.current_time())

    def _retire_idle(self, now: float) -> None:
        for pool in list(self._pools.values()):
            patience = self.settings.zygote_idle_s if pool.is_loaded else self.settings.idle_s
            if pool.is_quiet and pool.used_at < now - patience:
                self._unload(pool)
            else:
                pool.retire_idle(now - self.settings.idle_s, keep=1)

    def _unload_for(self, pool: Pool) -> None:
        """Make room for one more zygote, if a package is idle; the one used last stays longest."""
        loaded = [other for other in self._pools.values() if other.is_loaded]
        idle = sorted((o for o in loaded if o.is_quiet and o is not pool), key=lambda o: o.used_at)
        for other in idle[: max(0, len(loaded) + 1 - self.settings.zygotes_max)]:
            self._unload(other)

    def _unload(self, pool: Pool) -> None:
        del self._pools[pool.tenant, pool.digest]
        pool.unload()

    def close(self) -> None:
        """End every process; calls that run are lost."""
        self._stopping = True
        self._places.close()
        for pool in self._pools.values():
            pool.close()

    def _pool(self, tenant: str, digest: str) -> Pool:
        pool = self._pools.get((tenant, digest))
        if pool is None:
            pool = self._pools[tenant, digest] = Pool(tenant, digest, self)
        return pool

    def _processes(self) -> int:
        return sum(pool.size for pool in self._pools.values())

    def _shared(self) -> int:
        return sum(pool.shared for pool in self._pools.values())

    def _waiting(self) -> int:
        return sum(pool.waiting for pool in self._pools.values())


class EndedStream:
    """A stream that could not begin."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    async def send(self, payload: bytes) -> None:
        """Nobody reads it."""
        await trio.lowlevel.checkpoint()

    async def send_end(self) -> None:
        """Nobody reads it."""
        await trio.lowlevel.checkpoint()

    async def receive(self) -> Sequence[bytes] | Outcome:
        """Why it could not."""
        await trio.lowlevel.checkpoint()
        return self._outcome


@asynccontextmanager
async def open_process_runner(
    settings: RunnerSettings,
    packages: Packages,
    *,
    nodes_lock_fd: int = -1,
    payload_bytes_max: int,
    data_dir: Path | None = None,
    measures: Measures | None = None,
) -> AsyncIterator[ProcessRunner]:
    """A runner of node processes; when the context is left, every one of them is dead.

    Must be opened in the main thread. `nodes_lock_fd` is what `wait_for_predecessors` returned:
    every process holds it open while it lives. Node processes write below `data_dir`, or in a
    directory for this runner alone. Raises SettingsInvalid for a sandbox that cannot be had.
    """
    with ExitStack() as undo:
        if data_dir is None:
            data_dir = Path(undo.enter_context(TemporaryDirectory(prefix="axiomd-")))
        scratch = Scratch(data_dir / "scratch")
        if scratch.was_left:
            kill_marked(MARK, str(scratch.root))
        home = Home(choose_sandbox(settings, data_dir), scratch)
        async with trio.open_nursery() as nursery:
            runner = ProcessRunner(
                settings,
                packages,
                nursery,
                home=home,
                nodes_lock_fd=nodes_lock_fd,
                payload_bytes_max=payload_bytes_max,
                measures=measures or Measures(),
            )
            nursery.start_soon(runner.retire_idle_forever)
            nursery.start_soon(scratch.sweep)
            try:
                yield runner
            finally:
                runner.close()
                nursery.cancel_scope.cancel()
