"""Telling a collector: bounded, counted, and of no matter to anybody else."""

import threading

import attrs
import trio
import trio.testing
from worlds.box import open_box
from worlds.flows import BRANCHING, Story, flow

from axiomd.engine.tracing import Tracer, open_tracer
from axiomd.measures import Measures


class Sink:
    """Takes spans, or not."""

    def __init__(self, takes=True):
        self.takes = takes
        self.got = []
        self.stopped = False
        self.held = None
        self.asked = trio.Event()

    def take(self, spans):
        trio.from_thread.run_sync(self.asked.set)
        if self.held is not None:
            self.held.wait()
        self.got += spans
        return self.takes

    def stop(self):
        self.stopped = True


def tracer_of(box, sink, **more):
    measures = Measures()
    parts = box.parts
    tracer = Tracer(sink, parts.reader, parts.artifact, measures, parts.run_blocking, **more)
    box.writer.on_ended = tracer.notice
    return tracer, measures


async def test_each_execution_that_ends_is_told_once(make_world):
    sink = Sink()
    async with open_box(make_world(BRANCHING)) as box:
        tracer, measures = tracer_of(box, sink)
        async with open_tracer(tracer):
            identities = [await box.accept(b"%d" % number) for number in range(5)]
            for identity in identities:
                await box.ended(identity)
    roots = [span.trace_id for span in sink.got if not span.parent_id]
    assert sorted(roots) == sorted(identities)
    assert measures.spans_exported == len(sink.got) == 5 * (1 + len(BRANCHING.artifact.placements))
    assert (measures.spans_dropped, measures.traces_dropped, sink.stopped) == (0, 0, True)


async def test_what_ends_while_others_are_sent_is_told_before_the_end(make_world):
    sink = Sink()
    sink.held = threading.Event()
    async with open_box(make_world(Story(flow("a")))) as box:
        tracer, measures = tracer_of(box, sink)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tracer.run)
            await box.ended(await box.accept(b"x"))
            await sink.asked.wait()
            await box.ended(await box.accept(b"y"))
            nursery.start_soon(tracer.end)
            await trio.testing.wait_all_tasks_blocked()
            sink.held.set()
    assert (measures.spans_exported, len(sink.got)) == (4, 4)


async def test_what_does_not_fit_is_dropped_and_counted(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a")))) as box:
        tracer, measures = tracer_of(box, Sink(), queued_max=2)
        for number in range(5):
            await box.ended(await box.accept(b"%d" % number))
        assert (tracer.queued, measures.traces_dropped) == (2, 3)


async def test_what_the_collector_does_not_take_is_counted(make_world):
    async with open_box(make_world(Story(flow("a")))) as box:
        tracer, measures = tracer_of(box, Sink(takes=False))
        async with open_tracer(tracer):
            await box.ended(await box.accept(b"x"))
        assert (measures.spans_exported, measures.spans_dropped) == (0, 2)


async def test_a_trace_that_cannot_be_made_is_counted_and_the_others_are_told(make_world):
    sink = Sink()
    async with open_box(make_world(Story(flow("a")))) as box:
        tracer, measures = tracer_of(box, sink)
        async with open_tracer(tracer):
            execution = await box.ended(await box.accept(b"x"))
            tracer.notice([attrs.evolve(execution, graph_id="of nobody")])
            await box.ended(await box.accept(b"y"))
    assert measures.traces_dropped == 1
    assert measures.spans_exported == 4


async def test_a_collector_that_hangs_holds_up_neither_executions_nor_the_end(make_world):
    sink = Sink()
    sink.held = threading.Event()
    try:
        async with open_box(make_world(Story(flow("a")))) as box:
            tracer, measures = tracer_of(box, sink)
            with trio.fail_after(30):
                async with open_tracer(tracer):
                    for number in range(10):
                        await box.ended(await box.accept(b"%d" % number))
            assert measures.spans_exported == 0
            assert measures.spans_dropped > 0
    finally:
        sink.held.set()
