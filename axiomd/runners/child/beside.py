"""The asyncio loop on which calls of async nodes run side by side.

A call is over when its handler, all tasks that it started and, if it was cancelled, all threads
that its loop started for it have ended: only then is it answered. So a cancel that is answered
left nothing of its call behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
from typing import Any, Callable, Coroutine  # noqa: UP035 (Python 3.8)

from .wire import BESIDE_CALL, Link


class Call:
    """One of the calls on the loop."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.task: Any = None
        """What runs its handler, once it has begun."""
        self.tasks: set[Any] = set()
        """That task and all that were started from it, while they run."""
        self.threads = 0
        self.cancelled = False
        self.handler_ended = False
        self.thread_ended: Any = None


CALL: contextvars.ContextVar[Any] = contextvars.ContextVar("axiomd_beside", default=None)


class NodeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that knows which call a task or a thread belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(self._make_task)

    def _make_task(self, loop: Any, work: Any, **options: Any) -> Any:
        task: Any = asyncio.Task(work, loop=loop, **options)
        context = options.get("context")
        call = context.get(CALL) if context is not None else CALL.get()
        if call is not None:
            call.tasks.add(task)
            task.add_done_callback(call.tasks.discard)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, function: Any, *arguments: Any
    ) -> Any:
        """As every loop's; counts the thread as its call's until it has ended."""
        call = CALL.get()
        if call is None:
            return super().run_in_executor(executor, function, *arguments)

        def counted() -> Any:
            try:
                return context.run(function, *arguments)
            finally:
                self.call_soon_threadsafe(self._thread_ended, call)

        context = contextvars.copy_context()
        call.threads += 1
        return super().run_in_executor(executor, counted)

    def _thread_ended(self, call: Call) -> None:
        call.threads -= 1
        if call.thread_ended is not None:
            call.thread_ended.set()


class CallLoop:
    """Runs calls side by side, and reads the socket meanwhile."""

    def __init__(self, link: Link, take: Callable[[int, int, bytes | bytearray], bool]) -> None:
        """take: what to do with a frame; False if it is not for this loop."""
        self._link = link
        self._take = take
        self._loop = NodeLoop()
        self._loop.add_reader(link.fileno(), self._readable)
        self._calls: dict[int, Call] = {}
        self._other: Any = None

    def receive(self) -> tuple[int, int, bytes | bytearray]:
        """The next frame that is not for this loop; runs the calls until there is one."""
        self._take_all()
        while self._other is None:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # Of a task that a node started: it was told too, and decides what it means.
                continue
        frame: tuple[int, int, bytes | bytearray] = self._other
        self._other = None
        return frame

    def _readable(self) -> None:
        try:
            self._link.fill(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        self._take_all()
        if self._other is not None:
            self._loop.stop()

    def _take_all(self) -> None:
        while self._other is None:
            frame = self._link.inbox.take()
            if frame is None:
                return
            if not self._take(*frame):
                self._other = frame

    def begin(
        self, number: int, work: Coroutine[Any, Any, Any], end: Callable[[Any], None]
    ) -> None:
        """Run `work`, and call `end` with its result once nothing of the call is left."""
        call = self._calls[number] = Call(number)
        self._link.beside.add(number)
        contextvars.copy_context().run(self._begin, call, work, end)

    def _begin(
        self, call: Call, work: Coroutine[Any, Any, Any], end: Callable[[Any], None]
    ) -> None:
        CALL.set(call)
        BESIDE_CALL.set(call.number)
        self._loop.create_task(self._run(call, work, end))

    async def _run(
        self, call: Call, work: Coroutine[Any, Any, Any], end: Callable[[Any], None]
    ) -> None:
        call.task = asyncio.current_task()
        if call.cancelled:
            call.task.cancel()
        result = await work
        call.handler_ended = True
        while not self._is_over(call):
            # A cancel that comes this late changes nothing any more.
            with contextlib.suppress(asyncio.CancelledError):
                await self._end(call)
        end(result)
        self._link.beside.discard(call.number)
        del self._calls[call.number]

    def _is_over(self, call: Call) -> bool:
        return len(call.tasks) <= 1 and not (call.cancelled and call.threads)

    async def _end(self, call: Call) -> None:
        """Cancel what the handler left running, as `asyncio.run` does, and wait for it.

        A thread cannot be cancelled: one that still runs keeps a cancelled call from ending.
        """
        left = [task for task in call.tasks if task is not call.task]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        else:
            call.thread_ended = asyncio.Event()
            await call.thread_ended.wait()

    def cancel(self, number: int) -> None:
        """Cancel a call, if it has not ended; its `end` is called all the same."""
        call = self._calls.get(number)
        if call is None or call.cancelled:
            return
        call.cancelled = True
        if call.task is not None and not call.handler_ended:
            call.task.cancel()
